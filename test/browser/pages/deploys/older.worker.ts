import { hostProjections } from 'tidemark/worker'
import { older } from './older.model.ts'

hostProjections(older)
