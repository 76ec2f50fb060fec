import type { ThreadsEngine } from '../../../demo/threads/engine.ts'
import { fillWorkspace } from '../../../demo/threads/history/fillWorkspace.ts'
import type { ThreadsRead } from '../../../demo/threads/model/threadsApp.ts'

/** The tables that a boot of Threads loads into memory. The transcripts stay on disk. */
export const tables = ['projects', 'threads', 'turns', 'files'] as const

export const rowsOf = (read: ThreadsRead): { readonly [K in (typeof tables)[number]]: readonly object[] } => ({
  projects: read.projects.all(),
  threads: read.threads.all(),
  turns: read.turns.all(),
  files: read.files.all(),
})

/** Fills a workspace with the same threads for both subjects. */
export const fill = (engine: ThreadsEngine, threads: number): Promise<void> =>
  fillWorkspace(engine, threads, { seed: 7, now: Date.UTC(2026, 0, 1) })

/** For the functions of a subject that this figure does not use. */
export const unused = (): never => {
  throw new Error('The figure of Threads only fills and opens its subjects')
}
