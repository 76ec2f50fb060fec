import { type OpenOptions, openEngine } from 'tidemark'
import { todoApp } from './todos.ts'

export const openTodos = (options?: OpenOptions) =>
  openEngine(todoApp, {
    worker: () => new SharedWorker(new URL('./todos.worker.ts', import.meta.url), { type: 'module' }),
    reactions: () => import('./todos.reactions.ts'),
    ...options,
  })

export type TodoEngine = Awaited<ReturnType<typeof openTodos>>
