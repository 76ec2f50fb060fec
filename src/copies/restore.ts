import { sleep } from '../async.ts'
import { ImportError, OutdatedCodeError, StorageError } from '../errors.ts'
import { lockName } from '../locks.ts'
import type { Chunk } from '../log/chunk.ts'
import { type Database, type LogIdentity, readIdentity } from '../log/database.ts'
import { headOf } from '../log/look.ts'
import { adopt } from './adopt.ts'
import { chainOf } from './chain.ts'
import { folderOf, list, type MirrorPlace, NoMirror, openPlace } from './files.ts'

/** Milliseconds in which the writer of a lost log's mirror lets it go by itself. */
const PATIENCE_MS = 3000
/** Attempts to look for a mirror before the caller is told that it could not be looked for. */
const LOOK_TRIES = 3
/** Milliseconds before the second attempt; the third waits four times as long. */
const LOOK_RETRY_MS = 100

/** What a look for a mirror found. */
export interface Restored {
  readonly log: LogIdentity
  /** Events that were restored; 0 if there was nothing, or nothing that could be used. */
  readonly sequence: number
  /** Why not all of a mirror was restored. */
  readonly reason?: string
}

type Progress = (done: number, total: number) => void

/**
 * Fills a new database from its mirror, if there is one (rule 20). One tab does, the others wait for it; if it is killed,
 * the next one goes on. Afterwards the log's format says so. Rejects with `StorageError('unavailable')` if there may
 * be a mirror that can't be read now, and with OutdatedCodeError if a newer build wrote it; then nothing is written.
 */
export async function restore(
  database: Database,
  place: MirrorPlace,
  signal?: AbortSignal,
  progress?: Progress,
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
  progress: Progress | undefined,
): Promise<Restored> {
  const log = (await readIdentity(database))!
  if (log.format) {
    database.log = log
    return { log, sequence: 0 }
  }
  // Said by an open that ended before it could tell anybody.
  database.dataLoss ??= log.dataLoss
  const found = await look(database, place, signal, progress)
  if (!found.sequence) await begin(database, log)
  return { log: database.log as LogIdentity, ...found }
}

async function look(
  database: Database,
  place: MirrorPlace,
  signal: AbortSignal | undefined,
  progress: Progress | undefined,
): Promise<Omit<Restored, 'log'>> {
  for (let tries = 1; ; tries++) {
    try {
      return await bringBack(database, place, signal, progress)
    } catch (error) {
      signal?.throwIfAborted()
      // A verdict about the files. They are left as they are.
      if (error instanceof ImportError) return withReason(0, error.reason)
      // The mirror is fine, but nothing can be written now, or by this code.
      if (error instanceof StorageError || error instanceof OutdatedCodeError) throw error
      if (tries === LOOK_TRIES) throw couldNotLook(database.name, place, error)
      await sleep(LOOK_RETRY_MS * 4 ** (tries - 1), signal)
    }
  }
}

const couldNotLook = (name: string, place: MirrorPlace, cause: unknown): StorageError =>
  new StorageError(
    'unavailable',
    `The database of "${name}" is new, and ${place === true ? "the browser's private file system" : 'the folder of its mirror'}, ` +
      `which may hold a second copy, can't be read now: ${cause}. Nothing was written. Try again, or open with mirror: false, ` +
      'without the second copy.',
    cause,
  )

/** There is no mirror to restore from: from now on events may be appended. */
async function begin(database: Database, { dataLoss: _, ...log }: LogIdentity): Promise<void> {
  const begun: LogIdentity = { ...log, format: 1 }
  await database.transact(['meta'], 'readwrite', (store) => {
    const now = store('meta').get('log')
    now.onsuccess = () => now.result?.id === log.id && store('meta').put(begun, 'log')
  })
  database.log = begun
}

/** Fills an empty log from its mirror, if there can be one. Any error but ImportError means that it could not be looked for. */
export async function bringBack(
  database: Database,
  place: MirrorPlace,
  signal?: AbortSignal,
  progress?: Progress,
): Promise<Omit<Restored, 'log'>> {
  const parent = await openPlace(place).catch((error) => {
    if (!(error instanceof NoMirror)) throw error
  })
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
 * A worker that still follows the lost log must not change the files any more. It finds out by itself that the log is gone,
 * completes the file that it is writing, whose events are wanted here, and lets the lock go. If it hangs, the lock is taken.
 */
async function alone<T>(lock: string, task: () => Promise<T>): Promise<T> {
  const { locks } = navigator
  const waiting = new AbortController()
  const timer = setTimeout(() => waiting.abort(), PATIENCE_MS)
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
