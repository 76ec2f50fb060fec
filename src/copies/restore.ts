import { StorageError } from '../errors.ts'
import { lockName } from '../locks.ts'
import type { Chunk } from '../log/chunk.ts'
import { type Database, type LogIdentity, readIdentity } from '../log/database.ts'
import { headOf } from '../log/look.ts'
import { adopt } from './adopt.ts'
import { chainOf } from './chain.ts'
import { folderOf, list, type MirrorPlace, openPlace } from './files.ts'

/** Milliseconds in which whoever writes the mirror of a lost log is done. */
const PATIENCE = 3000

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
  return locks.request(lockName('restore', database.name), signal ? { signal } : {}, once)
}

async function restoreOnce(
  database: Database,
  place: MirrorPlace,
  signal: AbortSignal | undefined,
  progress: ((done: number, total: number) => void) | undefined,
): Promise<Restored> {
  const log = (await readIdentity(database))!
  let found: Omit<Restored, 'log'> = { sequence: 0 }
  if (log.format) {
    database.log = log
    return { log, ...found }
  }
  try {
    found = await bringBack(database, place, signal, progress)
  } catch (error) {
    signal?.throwIfAborted()
    // The mirror is fine, but nothing can be written now: the next open tries again.
    if (error instanceof StorageError) throw error
    found = withReason(0, (error as Error).message)
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
  return alone(lockName('mirror', database.name), async () => {
    if (await headOf(database)) return { sequence: 0 }
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

/**
 * A worker that still follows the lost log must change nothing any more. It finds out by itself that this is gone, and lets go
 * once the file is complete that it is writing, whose events are wanted here; from one that hangs the lock is taken.
 */
async function alone<T>(lock: string, task: () => Promise<T>): Promise<T> {
  const { locks } = navigator
  const waiting = new AbortController()
  const timer = setTimeout(() => waiting.abort(), PATIENCE)
  const begin = (): Promise<T> => {
    clearTimeout(timer)
    return task()
  }
  return locks.request(lock, { signal: waiting.signal }, begin).catch((error) => {
    if (!waiting.signal.aborted) throw error
    return locks.request(lock, { steal: true }, task)
  })
}

const withReason = (sequence: number, reason: string | undefined): Omit<Restored, 'log'> => ({
  sequence,
  ...(reason !== undefined && { reason: `Its mirror could be used up to event ${sequence} only: ${reason}.` }),
})

async function* numbered(
  first: Chunk,
  others: AsyncIterator<Chunk>,
): AsyncGenerator<Chunk & { readonly line: number }> {
  let line = 1
  yield { ...first, line }
  for (let next = await others.next(); !next.done; next = await others.next()) yield { ...next.value, line: ++line }
}
