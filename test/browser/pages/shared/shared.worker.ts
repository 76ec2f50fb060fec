import { hostProjections } from 'tidemark/worker'
import { seatApp } from './model.ts'
import { remote } from './remote.ts'

hostProjections(seatApp, { remote })
