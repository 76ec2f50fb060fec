import { createListeners } from '../async.ts'
import type { Json } from '../data.ts'
import type { DraftHint } from '../log/channel.ts'
import type { DraftStore, FoundDraft } from './disk.ts'
import { epochIsOver, isWritten } from './epochLock.ts'
import type { DraftHost, DraftText } from './types.ts'
import type { DraftWriting } from './writing.ts'

/** Hints that are kept after a gap until the gap is read. */
const HEARD_MAX = 64
/** Milliseconds without a hint after which a watched draft is read again, because hints may have been lost. */
const SILENCE_MS = 5000
/** Milliseconds until a draft that could not be read is read again. */
const READ_DRAFT_AGAIN_MS = 1000

/** One draft that this page or worker shows. */
export interface Followed {
  get(): DraftText<any> | undefined
  subscribe(listener: () => void): () => void
  readonly isWatched: boolean
  /** The attempt to write it in this page or worker. */
  writing: DraftWriting | undefined
  hear(hint: DraftHint): void
  /** Reads the stored draft. */
  readStored(): void
  /** Shows the text of an attempt that was abandoned here. */
  keep(abandoned: Pick<DraftWriting, 'epoch' | 'header' | 'text'>): void
  /** Shows that the draft was removed. */
  clear(): void
  /** Shows the text of `writing`, which may have changed. */
  changed(): void
  /** Releases the lock request and the timer. */
  rest(): void
}

interface StoredDraft {
  readonly epoch: string
  readonly header: Json
  text: string
  state: 'live' | 'abandoned'
}

export function followDraft(
  { name: log, ended }: Pick<DraftHost, 'name' | 'ended'>,
  name: string,
  id: string,
  storeOf: () => DraftStore,
): Followed {
  const listeners = createListeners()
  let known: StoredDraft | undefined
  let value: DraftText<any> | undefined
  let shownEpoch: string | undefined
  let isRead = false
  let reading: Promise<void> | undefined
  let again = false
  let heard: DraftHint[] = []
  /** The stored length for which the draft was last read, so that the same gap is not read twice. */
  let readFor = 0
  /** The epoch of an attempt that sent hints but is not the stored one. */
  let ignored: string | undefined
  let watch: AbortController | undefined
  let timer: ReturnType<typeof setTimeout> | undefined
  /** Until then, hints start no read, because the last one failed. By `performance.now()`. */
  let failedUntil = 0

  function show(): void {
    const { writing } = self
    const { epoch, header, text = '' } = writing ?? known ?? {}
    const state = (writing ? writing.state === 'abandoned' : known?.state === 'abandoned') ? 'abandoned' : 'live'
    if (shownEpoch === epoch && value?.text === text && value.state === state) return
    shownEpoch = epoch
    // A header is a plain object, as `draftHeaderOf` has checked.
    value = epoch === undefined ? undefined : Object.freeze({ ...(header as object), id, text, state })
  }

  function changed(): void {
    const before = value
    show()
    if (value !== before) listeners.tell()
  }

  function rest(): void {
    watch?.abort()
    watch = undefined
    clearTimeout(timer)
  }

  function readLater(ms: number): void {
    clearTimeout(timer)
    if (listeners.size && !self.writing && !ended.aborted) timer = setTimeout(self.readStored, ms)
  }

  async function read(): Promise<void> {
    do {
      again = false
      const earlier = heard.length
      try {
        const [found] = await storeOf().read(name, id)
        const isLive = !!found && (await isWritten(log, found.epoch))
        if (!again) showFound(found, isLive, earlier)
        failedUntil = 0
      } catch {
        // The old text stays visible until a later read succeeds.
        failedUntil = performance.now() + READ_DRAFT_AGAIN_MS
        readLater(READ_DRAFT_AGAIN_MS)
      }
    } while (again)
  }

  /** `earlier`: hints that had arrived when the read began. Their attempts were stored by then, or have lost. */
  function showFound(found: FoundDraft | undefined, isLive: boolean, earlier: number): void {
    isRead = true
    const before = known
    const isOther = ({ epoch }: DraftHint): boolean => epoch !== found?.epoch
    const hints = heard.filter((hint) => !isOther(hint))
    ignored = heard.slice(0, earlier).find(isOther)?.epoch
    // An attempt that began during this read is found by the next one.
    heard = heard.slice(earlier).filter((hint) => isOther(hint) && hint.epoch !== ignored)
    if (heard.length > 0) again = true
    rest()
    if (!found) known = undefined
    else {
      const isSame = before?.epoch === found.epoch
      if (!isSame) readFor = 0
      const text = isSame && before.text.length > found.text.length ? before.text : found.text
      known = { ...found, text, state: isLive ? 'live' : 'abandoned' }
      for (const hint of hints) grow(known, hint)
      if (isLive) stayAwake(found.epoch)
    }
    changed()
  }

  /** Watches the writer's lock, because a writer may disappear without a message. */
  function stayAwake(epoch: string): void {
    watch = new AbortController()
    epochIsOver(log, epoch, watch.signal).then(self.readStored, () => {})
    readLater(SILENCE_MS)
  }

  function grow(draft: StoredDraft, hint: DraftHint): void {
    const { offset, text = '', stored } = hint
    if (offset !== undefined && offset <= draft.text.length) draft.text += text.slice(draft.text.length - offset)
    else if (offset !== undefined && heard.length < HEARD_MAX) heard.push(hint)
    if (stored <= draft.text.length || stored <= readFor) return
    if (hasJustFailed()) return
    // There is a gap in the text, and the missing part is stored.
    readFor = stored
    self.readStored()
  }

  const hasJustFailed = (): boolean => performance.now() < failedUntil

  const self: Followed = {
    writing: undefined,
    get isWatched() {
      return listeners.size > 0
    },
    get() {
      if (!isRead && !reading) self.readStored()
      show()
      return value
    },
    subscribe(listener) {
      const end = listeners.add(listener)
      if (!isRead) self.readStored()
      else if (known?.state === 'live') readLater(SILENCE_MS)
      return end
    },
    hear(hint) {
      const { epoch, over, left } = hint
      if (over) {
        if (known?.epoch === epoch) self.clear()
        if (reading) again = true
      } else if (known?.epoch !== epoch || reading) {
        if (epoch === ignored) return
        if (heard.length < HEARD_MAX) heard.push(hint)
        // A read that is under way looks at the hints that arrived during it, so they never restart it.
        if (!reading && !hasJustFailed()) self.readStored()
      } else {
        // A hint of the writer is newer than the state of its lock.
        known.state = left ? 'abandoned' : 'live'
        if (left) rest()
        else readLater(SILENCE_MS)
        grow(known, hint)
        changed()
      }
    },
    readStored() {
      if (ended.aborted) return
      if (reading) {
        again = true
        return
      }
      reading = read().finally(() => {
        reading = undefined
      })
    },
    keep({ epoch, header, text }) {
      rest()
      isRead = true
      known = { epoch, header, text, state: 'abandoned' }
      changed()
    },
    clear() {
      rest()
      isRead = true
      known = undefined
      changed()
    },
    changed,
    rest,
  }
  return self
}
