import type { Json } from '../data.ts'
import { InvalidData } from '../errors.ts'
import { nextId } from '../ids.ts'
import { copyJson } from '../model/json.ts'
import type { NextPiece } from './disk.ts'
import { DraftOver } from './draftOver.ts'
import { type EpochLock, holdEpoch } from './epochLock.ts'

/** The largest draft, in bytes of UTF-8. */
const MOST_BYTES = 4_194_304

/** One attempt to write a draft, in the page or worker that makes it. */
export interface DraftWriting {
  readonly name: string
  readonly id: string
  /** The id of this attempt. It changes if the attempt begins again. */
  epoch: string
  readonly header: Json
  /** The text, without half of a surrogate pair. */
  text: string
  /** The first half of a surrogate pair that waits for the second. */
  half: string
  bytes: number
  /** `abandoned`: it has no writer. Text that is not stored yet still has to be. */
  state: 'open' | 'ending' | 'abandoned' | 'over'
  /** The number of characters that are stored; undefined if the attempt has not begun in the store. */
  stored: number | undefined
  /** The epochs that it may replace in the store; undefined: any. */
  instead?: readonly string[] | undefined
  /** With `instead`: it may also begin if no draft is stored. */
  orNone?: boolean
  /** The offset of the last piece after its head. */
  last: number | undefined
  /** Its stored pieces were deleted on a full disk. Other tabs learn its text only from hints. */
  dropped: boolean
  /** The length of the text that other tabs were told, and the stored length that they were told. */
  toldLength: number
  toldStored: number
  /** The last other epoch in a hint about this draft. It was already checked. */
  rival: string | undefined
  readonly over: AbortController
  lock: EpochLock
  /** Resolves when it was abandoned and its text was stored as far as possible. */
  leaving?: Promise<void>
}

export function createWriting(log: string, name: string, id: string, header: Json, instead?: string[]): DraftWriting {
  const epoch = nextId()
  return {
    name,
    id,
    epoch,
    header,
    text: '',
    half: '',
    bytes: 0,
    state: 'open',
    stored: undefined,
    instead,
    last: undefined,
    dropped: false,
    toldLength: 0,
    toldStored: 0,
    rival: undefined,
    over: new AbortController(),
    lock: holdEpoch(log, epoch),
  }
}

const RESERVED = ['id', 'text', 'state']

export function draftHeaderOf(id: string, given: unknown): Json {
  const header = copyJson(given ?? {}, 'header')
  if (typeof id !== 'string' || !id) throw new InvalidData('the id of a draft is a string that is not empty', ['id'])
  if (typeof header !== 'object' || header === null || Array.isArray(header))
    throw new InvalidData('the header of a draft is an object', ['header'])
  const [reserved] = RESERVED.filter((property) => Object.hasOwn(header, property))
  if (reserved)
    throw new InvalidData(`the header of a draft can't have "${reserved}": the draft has one itself`, [
      'header',
      reserved,
    ])
  return Object.freeze(header)
}

const utf8 = new TextEncoder()
const endsInHalf = (text: string): boolean => {
  const last = text.charCodeAt(text.length - 1)
  return last >= 0xd800 && last < 0xdc00
}

/** Adds text. Returns whether there is more to show. Throws and changes nothing if the draft would be too large. */
export function appendText(writing: DraftWriting, addition: string): boolean {
  if (typeof addition !== 'string') throw new InvalidData('a draft takes text: append(text)', ['text'])
  const given = writing.half + addition
  const half = endsInHalf(given) ? given.slice(-1) : ''
  const whole = half ? given.slice(0, -1) : given
  const bytes = writing.bytes + utf8.encode(whole).length
  if (bytes > MOST_BYTES)
    throw new InvalidData(
      `a draft may have ${MOST_BYTES} bytes, and "${writing.id}" would have ${bytes}. It was not changed: end it, or discard it`,
      ['text'],
    )
  writing.half = half
  writing.bytes = bytes
  writing.text += whole
  return whole !== ''
}

/** The next piece to store; undefined if everything is stored, or if nothing may be written. */
export function nextPiece(writing: DraftWriting): NextPiece | undefined {
  const { name, id, epoch, header, instead, orNone, text, stored, last, dropped } = writing
  if (dropped || stored === text.length) return
  if (stored === undefined) return { name, id, epoch, begins: { header, instead, orNone }, offset: 0, text }
  return { name, id, epoch, offset: stored, text: text.slice(stored), last }
}

/** Notes that a piece was stored. */
export function noteStored(writing: DraftWriting, { begins, offset, text }: NextPiece): void {
  writing.stored = offset + text.length
  if (begins) writing.lock.releaseFormer?.()
  else writing.last = offset
}

/**
 * Lets an attempt begin again under a new epoch, because it is unknown whether its first piece was stored. If another
 * attempt has replaced it since, that one wins.
 */
export function beginAnew(writing: DraftWriting, log: string): void {
  const { epoch, instead, lock } = writing
  writing.orNone ??= !instead
  writing.instead = [...(instead ?? []), epoch]
  writing.epoch = nextId()
  const next = holdEpoch(log, writing.epoch)
  // A draft stored under the former epoch must not look abandoned, so its lock is kept until the new one is stored.
  writing.lock = {
    get isHeld() {
      return next.isHeld
    },
    granted: next.granted,
    release() {
      next.release()
      lock.release()
    },
    releaseFormer: lock.release,
  }
  // The draft was abandoned, so other tabs may end it while the store is retried.
  if (writing.state === 'abandoned') writing.lock.release()
}

/** Ends an attempt: from now on its `append` and `end` have no effect. */
export function dethrone(writing: DraftWriting): void {
  if (writing.state === 'over') return
  writing.state = 'over'
  writing.lock.release()
  writing.over.abort(new DraftOver(writing.name, writing.id))
}
