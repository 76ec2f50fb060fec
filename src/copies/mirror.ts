import { quietly, sleep } from '../async.ts'
import { asError, caughtName } from '../caught.ts'
import { EngineClosed } from '../errors.ts'
import { lockName } from '../locks.ts'
import type { Hint } from '../log/channel.ts'
import type { Database } from '../log/database.ts'
import { createLag, MIRROR_LATE_MS } from './lag.ts'
import type { AlsoMirrored } from './mirrorCopy.ts'
import { checkBrowser, type MirrorPlace, NoMirror, openPlace, toMirrorPlace } from './mirrorPlace.ts'
import { createTeller } from './mirrorStatus.ts'
import { writeOn } from './mirrorTurn.ts'
import { removePrivate } from './removeMirror.ts'

/** Milliseconds until files that could not be read or written are tried again. */
const FILES_AGAIN_MS = 30_000
/** And until there may be room for them, or until the one that stole the lock may be done. */
const RETRY_LATER_MS = 60_000

export interface Mirror {
  /** The log has grown, or was sealed. */
  noteGrowth(): void
  /** What another tab or worker said about this log; the pipeline has the channel. */
  hear(hint: Hint): void
  /** Goes on in this place; starts again where a permission was missing. */
  resume(place: MirrorPlace | undefined): Promise<void>
}

/** The part of a pipeline that its mirror uses. */
export interface MirrorHost {
  readonly database: Database
  readonly closing: AbortSignal
  post(hint: Hint extends infer H ? Omit<H, 'log'> : never): void
  /** The second copy of the log, once it was asked for. */
  mirror?: Mirror
  /** Gives what the mirror keeps beside the events: set by the one who stores it. */
  also?: () => Promise<AlsoMirrored | undefined>
}

/** Starts the mirror of a pipeline, or goes on with it where a tab says. */
export function start(host: MirrorHost, said: MirrorPlace | undefined): void {
  const place = toMirrorPlace(said)
  if (host.mirror) void host.mirror.resume(place)
  else host.mirror = createMirror(host, place)
}

/** Follows a log into files. The holder of the lock writes; files of another lineage are left alone. */
function createMirror(host: MirrorHost, given: MirrorPlace | undefined): Mirror {
  const { database, closing, post } = host
  const { name } = database
  const lag = createLag()
  /** Knows nothing while this mirror may not say it: it does not have the lock. */
  const teller = createTeller(lag, post)
  let place = given
  let running = false
  /** Once it has aborted, nothing that it was given to may write any more. */
  let turn = new AbortController()

  const restart = (): void => turn.abort()
  closing.addEventListener('abort', restart, { once: true })
  database.lost = () => {
    teller.know(undefined)
    // To find out whether the log is gone.
    restart()
  }
  const mirror: Mirror = {
    noteGrowth: hear,
    hear(hint) {
      // `projected`: every hint that carried the events may have been lost.
      if ('commit' in hint || 'head' in hint || 'projected' in hint || 'local' in hint) hear()
      else if ('asks' in hint) teller.tell(true)
    },
    async resume(other) {
      if (other !== undefined && !(await isSamePlace(other, place))) {
        place = other
        if (teller.known) teller.know({ last: 0, isMoving: true })
        restart()
      }
      if (!running) void run()
    },
  }
  void run()
  return mirror

  function hear(): void {
    // A timer may come a millisecond early.
    if (lag.hear(Date.now())) setTimeout(() => teller.tell(), MIRROR_LATE_MS + 2)
  }

  async function run(): Promise<void> {
    running = true
    while (!closing.aborted) {
      turn = new AbortController()
      const { signal } = turn
      teller.know(undefined)
      try {
        checkBrowser()
        place = await remember(database, place)
        const parent = await openPlace(place)
        await navigator.locks.request(lockName('mirror', name), { signal }, () =>
          writeOn({ host, lag, teller }, parent, place === true, signal),
        )
      } catch (error) {
        if (closing.aborted || error instanceof EngineClosed) break
        if (signal.aborted) continue
        // What is stolen from this one goes on for a moment without the lock.
        restart()
        teller.know({ last: 0, reason: reasonOf(asError(error)) })
        if (caughtName(error) === 'QuotaExceededError' && place === true) await quietly(removePrivate(database))
        // Nothing changes that, but a user's gesture perhaps.
        if (error instanceof NoMirror) break
        // The pipeline may have been closed while the files went: nobody would end the wait.
        if (closing.aborted) break
        // The log goes on without; once in a while there is another attempt.
        turn = new AbortController()
        await quietly(sleep(retryMs(error), turn.signal))
      } finally {
        restart()
      }
    }
    running = false
  }
}

function retryMs(error: unknown): number {
  const name = caughtName(error)
  const isFileError = error instanceof DOMException && name !== 'QuotaExceededError' && name !== 'AbortError'
  return isFileError ? FILES_AGAIN_MS : RETRY_LATER_MS
}

function reasonOf({ name, message }: Error): string {
  if (name === 'AbortError') return 'it was deleted because the disk is full'
  return name === 'Error' ? message : `${name}: ${message}`
}

const isSamePlace = async (one: MirrorPlace, other: MirrorPlace | undefined): Promise<boolean> =>
  one === other || (typeof one === 'object' && typeof other === 'object' && (await one.isSameEntry(other)))

/** A folder of the user's is remembered until another place is named. */
async function remember({ transact }: Database, place: MirrorPlace | undefined): Promise<MirrorPlace> {
  const asked = transact(['meta'], place === undefined ? 'readonly' : 'readwrite', (store) => {
    if (typeof place === 'object') store('meta').put(place, 'mirror')
    else if (place !== undefined) store('meta').delete('mirror')
    return store('meta').get('mirror')
  })
  // A handle that can't be stored serves until the last tab is closed.
  const found = place === undefined ? await asked : await asked.catch(() => undefined)
  return toMirrorPlace(found?.result) ?? place ?? true
}
