import { play } from './play.ts'

play('firefox')
