import { play } from './play.ts'

play('chromium')
