import { sleep } from '../async.ts'
import { ImportError, OutdatedCodeError, StorageError } from '../errors.ts'
import { lockName } from '../locks.ts'
import { type Database, type LogIdentity, readIdentity } from '../log/database.ts'
import { FIRST_MARKER } from '../log/local.ts'
import { type MirrorPlace, placeOfMirror } from './mirrorPlace.ts'
import { copies } from './part.ts'
import { type Restored, type RestoreProgress, withReason } from './restored.ts'

/** Attempts to read a mirror before the caller gets an error. */
const LOOK_TRIES = 3
/** Milliseconds before the second attempt; the third waits four times as long. */
const LOOK_RETRY_MS = 100

/**
 * Fills a new database from its mirror, if there is one (rule 20). One tab does this and the others wait. If that tab is killed,
 * the next tab continues. Afterwards the log's format is no longer 0. Rejects, and writes nothing, with `StorageError('unavailable')` if
 * there may be a mirror that can't be read now, and with OutdatedCodeError if a newer build wrote it. `shared`: the log has a remote
 * from now on.
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
  // An earlier open may have created the database, and ended before it could report what was lost.
  database.dataLoss ??= log.dataLoss
  const found = await lookForMirror(database, place, shared, signal, progress)
  // If the log never reached its remote, its mirror may hold only the outbox: then nothing was restored, but the log has begun.
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
      // Loads the code that reads a mirror only if there is one: a first visit does not need it.
      if (!(await placeOfMirror(place, database.name))) return { sequence: 0 }
      const { restoreFromMirror } = await copies.load(signal)
      return await restoreFromMirror(database, place, shared, signal, progress)
    } catch (error) {
      signal?.throwIfAborted()
      // The files can't be used. They stay as they are.
      if (error instanceof ImportError) return withReason(0, error.reason)
      // The files can be used, but not now or not by this code.
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

/** Begins the log without a mirror: from now on events may be appended. */
async function beginLog(database: Database, { dataLoss: _, ...log }: LogIdentity, shared: boolean): Promise<void> {
  const newLog: LogIdentity = { ...log, format: shared ? 3 : 1 }
  await database.transact(shared ? ['meta', 'outbox'] : ['meta'], 'readwrite', (store) => {
    const now = store('meta').get('log')
    now.onsuccess = () => {
      if (now.result?.id !== log.id) return
      store('meta').put(newLog, 'log')
      if (shared) store('outbox').put(FIRST_MARKER, FIRST_MARKER.n)
    }
  })
  database.log = newLog
}
