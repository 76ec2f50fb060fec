import { hostProjections } from 'tidemark/worker'
import { narrow } from './tidemark.model.ts'
import * as reactions from './tidemark.reactions.ts'

hostProjections(narrow, { reactions })
