import { openEngine } from 'tidemark'
import { todoApp } from './todos.ts'

// A module that opens the engine, in an app that runs it in the page and on the server.
const engine = await openEngine(todoApp, {
  worker: () => new SharedWorker(new URL('./worker.ts', import.meta.url), { type: 'module' }),
})
const { state, storage, worker, lastError } = engine.status
const refused = await engine.dispatch.add({ title: 'on a server' }).catch((error: unknown) => `${error}`)
console.log(
  JSON.stringify({ state, storage, worker, titles: engine.read.todos.size, lastError: `${lastError}`, refused }),
)
