import { openEngine } from 'tidemark'
import { drive } from './drive.ts'
import { older } from './older.model.ts'

window.deploy = drive((name) =>
  openEngine(older, {
    name,
    worker: () => new SharedWorker(new URL('./older.worker.ts', import.meta.url), { type: 'module' }),
  }),
)
