import { hostProjections } from 'tidemark/worker'
import { narrow } from './tidemark.model.ts'

hostProjections(narrow)
