import { tables } from 'tidemark/tables'
import { hostProjections } from 'tidemark/worker'
import { threadsApp } from './model/threadsApp.ts'
import { answer, expire, resume } from './threads.reactions.ts'

hostProjections(threadsApp, { tables, reactions: { answer, resume, expire } })
