import type { ThreadsEngine } from '../../../demo/threads/engine.ts'
import { fillWorkspace } from '../../../demo/threads/history/fillWorkspace.ts'
import type { ThreadsRead } from '../../../demo/threads/model/threadsApp.ts'

/** What a boot of Threads has to have in memory. The transcripts stay on disk. */
export const tables = ['projects', 'threads', 'turns', 'files'] as const

export const rowsOf = (read: ThreadsRead): { readonly [K in (typeof tables)[number]]: readonly object[] } => ({
  projects: read.projects.all(),
  threads: read.threads.all(),
  turns: read.turns.all(),
  files: read.files.all(),
})

/** The same threads for both subjects. */
export const fill = (engine: ThreadsEngine, threads: number): Promise<void> =>
  fillWorkspace(engine, threads, { seed: 7, now: Date.UTC(2026, 0, 1) })

/** Both subjects are filled and opened, and nothing else. */
export const unused = (): never => {
  throw new Error('Threads is filled and opened here, and nothing else')
}
