import { type EngineOf, type OpenOptions, openEngine } from 'tidemark'
import { secrets } from './assistant/secrets.ts'
import { threadsApp } from './model/threadsApp.ts'

export type ThreadsEngine = EngineOf<typeof threadsApp>

export const openThreads = (options?: OpenOptions): Promise<ThreadsEngine> =>
  openEngine(threadsApp, {
    worker: () => new SharedWorker(new URL('./threads.worker.ts', import.meta.url), { type: 'module' }),
    reactions: () => import('./threads.reactions.ts'),
    context: async () => ({ key: secrets.key }),
    ...options,
  })
