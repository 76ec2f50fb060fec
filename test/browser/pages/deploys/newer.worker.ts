import { hostProjections } from 'tidemark/worker'
import { newer } from './newer.model.ts'

hostProjections(newer)
