import { openEngine } from 'tidemark'
import { todoApp } from './todos.ts'

const worker = () => new SharedWorker(new URL('./todos.worker.ts', import.meta.url), { type: 'module' })

export const openTodos = () => openEngine(todoApp, { worker })
