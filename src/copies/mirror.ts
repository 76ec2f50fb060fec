import { EngineClosed } from '../errors.ts'
import { lockName } from '../locks.ts'
import type { Hint, MirrorStatus } from '../log/channel.ts'
import type { Database } from '../log/database.ts'
import { shallowEqual } from '../model/isEqual.ts'
import { checkBrowser, type MirrorPlace, NoMirror, openPlace } from './files.ts'
import { adopted, createCopy } from './mirrorCopy.ts'
import { removePrivate as removePrivateCopy } from './removeMirror.ts'

/** Milliseconds that events wait for company. */
const DELAY = 500
/** At most: a computer that slept while it wrote did not write for that long. */
const LONGEST_DELAY = 4000
/** Milliseconds in which a mirror has to follow, or it is behind. */
const LATE = 1000
/** Milliseconds until a mirror that could not be written is tried again. */
const RETRY = 60_000

export interface Mirror {
  /** The log has grown, or was sealed. */
  told(): void
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
}

/** Starts the mirror of a pipeline, or goes on with it where a tab says. */
export function start(host: MirrorHost, place: MirrorPlace | undefined): void {
  if (host.mirror) void host.mirror.resume(place)
  else host.mirror = createMirror(host, place)
}

/** Follows a log into files. Whoever has the lock writes; what stands there of another lineage is left alone. */
function createMirror(host: MirrorHost, given: MirrorPlace | undefined): Mirror {
  const { database, closing, post } = host
  const { name } = database
  let place = given
  /** undefined while it is another one's to say. */
  let status: MirrorStatus | undefined
  let running = false
  let news = true
  let wake = (): void => {}
  /** When the first event came that is in no file yet: of those that are being written, and of those behind them. */
  let writing = 0
  let waiting = 0
  /** Whoever began before the last of these must not write any more. */
  let mine = new AbortController()
  const restart = (): void => {
    mine.abort()
    wake()
  }

  const mirror: Mirror = {
    told() {
      news = true
      if (!waiting) {
        waiting = Date.now()
        // A timer may come a millisecond early.
        setTimeout(() => status?.state === 'on' && isLate() && tell('behind'), LATE + 2)
      }
      wake()
    },
    hear(hint) {
      // `projected`: every hint that carried the events may have been lost.
      if ('commit' in hint || 'head' in hint || 'projected' in hint) mirror.told()
      else if ('asks' in hint && status) post({ mirror: status })
    },
    async resume(other) {
      if (other !== undefined && !(await isSame(other, place))) {
        place = other
        if (status) tell('behind', 0)
        restart()
      }
      if (!running) void run()
    },
  }
  closing.addEventListener('abort', restart)
  database.lost = () => {
    status = undefined
    // To find out whether the log is gone.
    restart()
  }
  void run()
  return mirror

  function tell(state: MirrorStatus['state'], sequence = status?.sequence ?? 0, reason?: string): void {
    const before = status
    status = { state, sequence, ...(reason !== undefined && { reason }) }
    if (!shallowEqual(before, status)) post({ mirror: status })
  }

  async function run(): Promise<void> {
    running = true
    while (!closing.aborted) {
      const { signal } = (mine = new AbortController())
      news = true
      status = undefined
      try {
        checkBrowser()
        const parent = await openPlace((place = await remember(database, place)))
        await navigator.locks.request(lockName('mirror', name), { signal }, () => follow(parent, signal))
      } catch (error) {
        if (closing.aborted || error instanceof EngineClosed) break
        if (signal.aborted || error === adopted) continue
        // What is stolen from this one goes on for a moment without the lock.
        restart()
        const { message, name: kind } = error as Error
        tell('off', 0, kind === 'AbortError' ? 'it gave way' : kind === 'Error' ? message : `${kind}: ${message}`)
        if (kind === 'QuotaExceededError' && place === true) await removePrivate(true)
        // Nothing changes that, but a user's gesture perhaps.
        if (error instanceof NoMirror) break
        // The log goes on without; once in a while there is another attempt.
        mine = new AbortController()
        await pause(RETRY, mine.signal)
      } finally {
        restart()
      }
    }
    running = false
  }

  async function follow(parent: FileSystemDirectoryHandle, gone: AbortSignal): Promise<void> {
    const copy = await createCopy(host, parent, place === true, gone)
    let moved = place !== true
    writing = 0
    // What came before this pipeline has waited long enough.
    for (let delay = 0; ; ) {
      await pause(delay, gone)
      if (gone.aborted) return
      const began = Date.now()
      if (news) {
        news = false
        writing = waiting || began
        waiting = 0
        const whole = await copy.round()
        if (gone.aborted) return
        if (whole) {
          writing = 0
          // Whoever opens without the folder would be given what is old.
          if (moved) await removePrivate()
          moved = false
        } else {
          news = true
          waiting = writing
        }
        if (!gone.aborted) tell(isLate() ? 'behind' : 'on', copy.last)
      }
      // Writing takes a fifth of the time at most, however much there is to write.
      delay = Math.min(LONGEST_DELAY, Math.max(DELAY, 4 * (Date.now() - began)))
      await awaken(gone)
    }
  }

  async function removePrivate(steal = false): Promise<void> {
    await removePrivateCopy(database, steal).catch(() => {})
  }

  function isLate(): boolean {
    const since = writing || waiting
    return since > 0 && Date.now() - since >= LATE
  }

  /** Until the log may have something new. */
  async function awaken(signal: AbortSignal): Promise<void> {
    while (!news && !signal.aborted)
      await new Promise<void>((resolve) => {
        wake = resolve
      })
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve()
    const end = (): void => {
      clearTimeout(timer)
      signal.removeEventListener('abort', end)
      resolve()
    }
    const timer = setTimeout(end, ms)
    signal.addEventListener('abort', end)
  })
}

const isSame = async (one: MirrorPlace, other: MirrorPlace | undefined): Promise<boolean> =>
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
  return found?.result ?? place ?? true
}
