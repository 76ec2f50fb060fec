import { quietly, sleep } from '../async.ts'
import { asError, caughtName } from '../caught.ts'
import { EngineClosed } from '../errors.ts'
import { lockName } from '../locks.ts'
import type { Hint } from '../log/channel.ts'
import type { Database } from '../log/database.ts'
import { createLag, MIRROR_LATE_MS } from './lag.ts'
import type { CopySent, WriteSeparateFile } from './mirrorCopy.ts'
import { checkBrowser, type MirrorPlace, NoMirror, openPlace, toMirrorPlace } from './mirrorPlace.ts'
import { createTeller } from './mirrorStatus.ts'
import { writeOn } from './mirrorTurn.ts'
import { removePrivate } from './removeMirror.ts'

/** Milliseconds before the next attempt if files could not be read or written. */
const FILES_AGAIN_MS = 30_000
/** Milliseconds before the next attempt after any other error: if there was no room, or if the lock was stolen. */
const RETRY_LATER_MS = 60_000

export interface Mirror {
  /** Notes that the log has grown or was sealed. */
  noteGrowth(): void
  /** Handles a hint of another tab or worker. The pipeline owns the channel. */
  hear(hint: Hint): void
  /** Continues in this place, also after it had stopped because a permission was missing. */
  resume(place: MirrorPlace | undefined): Promise<void>
}

/** The part of a pipeline that its mirror uses. */
export interface MirrorHost {
  readonly database: Database
  readonly closing: AbortSignal
  post(hint: Hint extends infer H ? Omit<H, 'log'> : never): void
  /** The mirror, once `start` was called. */
  mirror?: Mirror
  /** Gives the content of the separate file beside the events. Set by the code that stores it. */
  separateFile?: () => Promise<WriteSeparateFile | undefined>
  /** Copies the sent commands of a log with a remote. Set by the code that follows the remote. */
  copySent?: CopySent
}

/** Starts the mirror of a pipeline in the place that a tab names, or makes it continue there. */
export function start(host: MirrorHost, named: MirrorPlace | undefined): void {
  const place = toMirrorPlace(named)
  if (host.mirror) void host.mirror.resume(place)
  else host.mirror = createMirror(host, place)
}

/** Copies a log into files while it holds the mirror's lock. Leaves files of another lineage alone. */
function createMirror(host: MirrorHost, given: MirrorPlace | undefined): Mirror {
  const { database, closing, post } = host
  const { name } = database
  const lag = createLag()
  /** Knows nothing while this mirror does not hold the lock: then the holder reports the status. */
  const teller = createTeller(lag, post)
  let place = given
  let running = false
  /** Aborts when the present attempt ends. Code that has its signal may not write after that. */
  let turn = new AbortController()

  const restart = (): void => turn.abort()
  closing.addEventListener('abort', restart, { once: true })
  database.lost = () => {
    teller.know(undefined)
    // The next attempt finds out whether the log is gone.
    restart()
  }
  const mirror: Mirror = {
    noteGrowth: hear,
    hear(hint) {
      // A checkpoint (`projected`) shows that the log has grown, even if every hint with the events was lost.
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
    // 2 ms more, because a timer may fire a millisecond early.
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
        // If the lock was stolen, `writeOn` still runs. This stops it.
        restart()
        teller.know({ last: 0, reason: reasonOf(asError(error)) })
        if (caughtName(error) === 'QuotaExceededError' && place === true) await quietly(removePrivate(database))
        // Another attempt would fail, too. Only `resume`, after a user's gesture, can help.
        if (error instanceof NoMirror) break
        // If the pipeline was closed while the files were removed, nothing would end the wait below.
        if (closing.aborted) break
        // The log works without a mirror until the next attempt.
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

/** Stores a user's folder as the place of the mirror until another place is named. Returns the place to use now. */
async function remember({ transact }: Database, place: MirrorPlace | undefined): Promise<MirrorPlace> {
  const stored = transact(['meta'], place === undefined ? 'readonly' : 'readwrite', (store) => {
    if (typeof place === 'object') store('meta').put(place, 'mirror')
    else if (place !== undefined) store('meta').delete('mirror')
    return store('meta').get('mirror')
  })
  // A handle that can't be stored works until the last tab is closed.
  const found = place === undefined ? await stored : await stored.catch(() => undefined)
  return toMirrorPlace(found?.result) ?? place ?? true
}
