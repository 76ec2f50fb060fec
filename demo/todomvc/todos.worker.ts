import { hostProjections } from 'tidemark/worker'
import { remind } from './todos.reactions.ts'
import { todoApp } from './todos.ts'

hostProjections(todoApp, { reactions: { remind } })
