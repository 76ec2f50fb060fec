import { hostProjections } from 'tidemark/worker'
import { wide } from './tidemark.model.ts'

hostProjections(wide)
