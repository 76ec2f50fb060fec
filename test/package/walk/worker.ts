import { hostProjections } from 'tidemark/worker'
import { todoApp } from './todos.ts'

hostProjections(todoApp)
