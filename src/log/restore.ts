import { adopt } from './adopt.ts'
import { chainOf } from './chain.ts'
import type { Chunk } from './chunk.ts'
import type { Database, LogIdentity } from './database.ts'
import { folderOf, list, lockOf, type MirrorPlace, openPlace } from './files.ts'
import { headOf } from './look.ts'

/** What came of looking for a mirror. */
export interface Restored {
  readonly log: LogIdentity
  /** Events that stand again; 0 where there was nothing, or where it could not be used. */
  readonly sequence: number
  /** Why not all of a mirror is back. */
  readonly reason?: string
}

/**
 * Brings a database that has just been made up to its mirror, where one stands (rule 20). One tab does, the others wait
 * for it; what one began before it was killed, the next one ends. Afterwards the log's format says so.
 */
export async function restore(
  database: Database,
  place: MirrorPlace,
  signal?: AbortSignal,
  progress?: (done: number, total: number) => void,
): Promise<Restored> {
  const { locks } = globalThis.navigator ?? {}
  const once = (): Promise<Restored> => restoreOnce(database, place, signal, progress)
  if (!locks) return once()
  return locks.request(`tidemark:restore:${database.name}`, signal ? { signal } : {}, once)
}

async function restoreOnce(
  database: Database,
  place: MirrorPlace,
  signal: AbortSignal | undefined,
  progress: ((done: number, total: number) => void) | undefined,
): Promise<Restored> {
  const read = await database.transact(['meta'], 'readonly', (store) => store('meta').get('log'))
  const log: LogIdentity = read.result
  let found: Omit<Restored, 'log'> = { sequence: 0 }
  if (log.format) {
    database.log = log
    return { log, ...found }
  }
  try {
    if (!(await headOf(database))) found = await bringBack(database, place, signal, progress)
  } catch (error) {
    signal?.throwIfAborted()
    found = { sequence: 0, reason: (error as Error).message }
  }
  if (!found.sequence) {
    const looked: LogIdentity = { ...log, format: 1 }
    await database.transact(['meta'], 'readwrite', (store) => {
      const now = store('meta').get('log')
      now.onsuccess = () => now.result?.id === log.id && store('meta').put(looked, 'log')
    })
    database.log = looked
  }
  return { log: database.log as LogIdentity, ...found }
}

/** Fills an empty log from its mirror. */
export async function bringBack(
  database: Database,
  place: MirrorPlace,
  signal?: AbortSignal,
  progress?: (done: number, total: number) => void,
): Promise<Omit<Restored, 'log'>> {
  const parent = await openPlace(place).catch(() => undefined)
  if (!parent || !(await folderOf(parent, database.name))) return { sequence: 0 }
  // Taken from a worker that still follows the lost log: it must change nothing any more.
  return navigator.locks.request(lockOf(database.name), { steal: true }, async () => {
    const folder = await folderOf(parent, database.name)
    const chain = chainOf(folder ? await list(folder) : new Map())
    const { claimed } = chain
    progress?.(0, claimed)
    const chunks = chain.chunks[Symbol.asyncIterator]()
    const first = await chunks.next()
    if (first.done) return withReason(0, chain.reason)
    const { sequence } = await adopt(database, numbered(first.value, chunks), {
      restoring: true,
      signal,
      progress: (done) => progress?.(done, claimed),
    })
    return withReason(sequence, chain.reason)
  })
}

const withReason = (sequence: number, reason: string | undefined): Omit<Restored, 'log'> => ({
  sequence,
  ...(reason !== undefined && { reason }),
})

async function* numbered(
  first: Chunk,
  others: AsyncIterator<Chunk>,
): AsyncGenerator<Chunk & { readonly line: number }> {
  let line = 1
  yield { ...first, line }
  for (let next = await others.next(); !next.done; next = await others.next()) yield { ...next.value, line: ++line }
}
