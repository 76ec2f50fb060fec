import { tables } from 'tidemark/tables'
import { hostProjections } from 'tidemark/worker'
import { app } from './model.ts'

hostProjections(app(), { tables })
