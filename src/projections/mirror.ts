import { EngineClosed } from '../errors.ts'
import type { MirrorStatus } from '../log/channel.ts'
import type { Database } from '../log/database.ts'
import { checkBrowser, lockOf, type MirrorPlace, NoMirror, openPlace } from '../log/files.ts'
import { removePrivate } from '../log/removeMirror.ts'
import { adopted, createCopy } from './mirrorCopy.ts'
import type { Workshop } from './pipeline.ts'

/** Milliseconds that events wait for company. */
const DELAY = 500
/** Milliseconds in which a mirror has to follow, or it is behind. */
const LATE = 1000
/** Milliseconds until a mirror that could not be written is tried again. */
const RETRY = 60_000

export interface Mirror {
  /** The log has grown, or was sealed. */
  told(): void
  /** Tells the tabs where the mirror stands; starts it again where a permission was missing. */
  say(place?: MirrorPlace): void
}

/** Starts the mirror of a pipeline, or asks it where it stands. */
export function start(shop: Workshop, place: MirrorPlace | undefined): void {
  shop.mirror ??= createMirror(shop, place)
  shop.mirror.say(place)
}

/** Follows a log into files. Whoever has the lock writes; what stands there of another lineage is left alone. */
function createMirror(shop: Workshop, given: MirrorPlace | undefined): Mirror {
  const { database, closing, post } = shop
  const { name } = database
  let place = given
  let status: MirrorStatus | undefined
  let running = false
  let news = true
  let wake = (): void => {}
  /** When the first event came that is in no file yet. */
  let since = 0

  const mirror: Mirror = {
    told() {
      news = true
      since ||= Date.now()
      if (status?.state === 'on' && Date.now() - since > LATE) tell('behind')
      wake()
    },
    say(other) {
      if (!running) {
        place = other ?? place
        void run()
      }
      if (status) post({ mirror: status })
    },
  }
  closing.addEventListener('abort', () => wake())
  void run()
  return mirror

  function tell(state: MirrorStatus['state'], sequence = status?.sequence ?? 0, reason?: string): void {
    const before = JSON.stringify(status)
    status = { state, sequence, ...(reason !== undefined && { reason }) }
    if (before !== JSON.stringify(status)) post({ mirror: status })
  }

  async function run(): Promise<void> {
    running = true
    while (!closing.aborted) {
      // What is stolen from this one goes on for a moment without the lock: it must not write any more.
      const mine = new AbortController()
      try {
        checkBrowser()
        const parent = await openPlace((place = await remember(database, place)))
        await navigator.locks.request(lockOf(name), { signal: closing }, () => follow(parent, mine.signal))
      } catch (error) {
        if (closing.aborted || error instanceof EngineClosed) return
        if (error === adopted) continue
        const { message, name: kind } = error as Error
        if (kind === 'QuotaExceededError' && place === true) await removePrivate(database, true).catch(() => {})
        tell('off', 0, kind === 'AbortError' ? 'it gave way' : kind === 'Error' ? message : `${kind}: ${message}`)
        // Nothing changes that, but a user's gesture perhaps.
        if (error instanceof NoMirror) break
        // The log goes on without; once in a while there is another attempt.
        await pause(RETRY)
        await awaken()
      } finally {
        mine.abort()
      }
    }
    running = false
  }

  async function follow(parent: FileSystemDirectoryHandle, gone: AbortSignal): Promise<void> {
    const copy = await createCopy(shop, parent, place === true, gone)
    // What came before this pipeline has waited long enough.
    for (let delay = 0; ; ) {
      await pause(delay)
      if (closing.aborted || gone.aborted) return
      const began = Date.now()
      if (news) {
        const from = since
        news = false
        since = 0
        if (!(await copy.round())) {
          news = true
          since = from || began
        }
        tell(since && Date.now() - since > LATE ? 'behind' : 'on', copy.last)
      }
      // Writing takes a fifth of the time at most, however much there is to write.
      delay = Math.max(DELAY, 4 * (Date.now() - began))
      await awaken()
    }
  }

  function pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const end = (): void => {
        clearTimeout(timer)
        closing.removeEventListener('abort', end)
        resolve()
      }
      const timer = setTimeout(end, ms)
      closing.addEventListener('abort', end)
    })
  }

  /** Until the log may have something new. */
  async function awaken(): Promise<void> {
    while (!news && !closing.aborted)
      await new Promise<void>((resolve) => {
        wake = resolve
      })
  }
}

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
