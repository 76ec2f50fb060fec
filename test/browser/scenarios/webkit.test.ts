import { play } from './play.ts'

play('webkit')
