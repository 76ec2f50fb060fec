import { start } from './page.ts'

start(() => new SharedWorker(new URL('./worker.ts', import.meta.url), { type: 'module' }))
