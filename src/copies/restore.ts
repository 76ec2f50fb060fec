import { sleep } from '../async.ts'
import { ImportError, OutdatedCodeError, StorageError } from '../errors.ts'
import { lockName } from '../locks.ts'
import { type Database, type LogIdentity, readIdentity } from '../log/database.ts'
import { FIRST_MARKER } from '../log/local.ts'
import { type MirrorPlace, placeOfMirror } from './mirrorPlace.ts'
import { copies } from './part.ts'
import { type Restored, type RestoreProgress, withReason } from './restored.ts'

/** Attempts to look for a mirror before the caller is told that it could not be looked for. */
const LOOK_TRIES = 3
/** Milliseconds before the second attempt; the third waits four times as long. */
const LOOK_RETRY_MS = 100

/**
 * Fills a new database from its mirror, if there is one (rule 20). One tab does, the others wait for it; if it is killed,
 * the next one goes on. Afterwards the log's format says so. Rejects with `StorageError('unavailable')` if there may
 * be a mirror that can't be read now, and with OutdatedCodeError if a newer build wrote it; then nothing is written. `shared`: the
 * log has a remote from now on.
 */
export async function restore(
  database: Database,
  place: MirrorPlace,
  shared: boolean,
  signal?: AbortSignal,
  progress?: RestoreProgress,
): Promise<Restored> {
  const { locks } = globalThis.navigator ?? {}
  const once = (): Promise<Restored> => restoreOnce(database, place, shared, signal, progress)
  if (!locks) return once()
  return locks.request(lockName('restore', database.name), signal ? { signal } : {}, once)
}

async function restoreOnce(
  database: Database,
  place: MirrorPlace,
  shared: boolean,
  signal: AbortSignal | undefined,
  progress: RestoreProgress | undefined,
): Promise<Restored> {
  const log = (await readIdentity(database))!
  if (log.format) {
    database.log = log
    return { log, sequence: 0 }
  }
  // Said by an open that ended before it could tell anybody.
  database.dataLoss ??= log.dataLoss
  const found = await lookForMirror(database, place, shared, signal, progress)
  // Of a log that was never synchronised, there may be the outbox alone.
  if (!found.sequence && !database.log?.format) await beginLog(database, log, shared)
  return { log: database.log!, ...found }
}

async function lookForMirror(
  database: Database,
  place: MirrorPlace,
  shared: boolean,
  signal: AbortSignal | undefined,
  progress: RestoreProgress | undefined,
): Promise<Omit<Restored, 'log'>> {
  for (let tries = 1; ; tries++) {
    try {
      // Without a mirror, as at a first visit, the code that reads one is not needed.
      if (!(await placeOfMirror(place, database.name))) return { sequence: 0 }
      const { bringBack } = await copies.load(signal)
      return await bringBack(database, place, shared, signal, progress)
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
async function beginLog(database: Database, { dataLoss: _, ...log }: LogIdentity, shared: boolean): Promise<void> {
  const begun: LogIdentity = { ...log, format: shared ? 3 : 1 }
  await database.transact(shared ? ['meta', 'outbox'] : ['meta'], 'readwrite', (store) => {
    const now = store('meta').get('log')
    now.onsuccess = () => {
      if (now.result?.id !== log.id) return
      store('meta').put(begun, 'log')
      if (shared) store('outbox').put(FIRST_MARKER, FIRST_MARKER.n)
    }
  })
  database.log = begun
}
