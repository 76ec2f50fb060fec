import { hostProjections } from 'tidemark/worker'
import { indexed } from './tidemark.model.ts'

hostProjections(indexed)
