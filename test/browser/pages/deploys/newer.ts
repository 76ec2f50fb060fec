import { openEngine } from 'tidemark'
import { drive } from './drive.ts'
import { newer } from './newer.model.ts'

window.deploy = drive((name) =>
  openEngine(newer, {
    name,
    worker: () => new SharedWorker(new URL('./newer.worker.ts', import.meta.url), { type: 'module' }),
  }),
)
