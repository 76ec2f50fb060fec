import type { Json } from '../data.ts'
import { InvalidData } from '../errors.ts'
import { nextId } from '../ids.ts'
import { copyJson } from '../model/json.ts'
import type { NextPiece } from './disk.ts'
import { DraftOver } from './draftOver.ts'
import { type EpochLock, holdEpoch } from './epochLock.ts'

/** Bytes of UTF-8 that a draft may have. */
const MOST_BYTES = 4_194_304

/** One attempt to write a draft, as the page or worker that makes it knows it. */
export interface DraftWriting {
  readonly name: string
  readonly id: string
  /** Another one if it begins anew. */
  epoch: string
  readonly header: Json
  /** Whole characters only. */
  text: string
  /** The first half of a surrogate pair. */
  half: string
  bytes: number
  /** `left`: nobody writes any more, and what is not stored yet still has to be. */
  state: 'open' | 'ending' | 'left' | 'over'
  /** Characters that are stored; undefined: it has to begin in the store. */
  stored: number | undefined
  /** In the place of one of the epochs only; of any, if undefined. */
  instead?: readonly string[] | undefined
  orNone?: boolean
  /** The offset of the last piece behind its head. */
  last: number | undefined
  /** The disk was full, and what it had stored had to go: only hints tell of it. */
  dropped: boolean
  /** Characters that the others were told of, and how many of them they heard to be stored. */
  toldLength: number
  toldStored: number
  /** What others said of this draft was looked up already. */
  rival: string | undefined
  readonly over: AbortController
  lock: EpochLock
  /** Resolves when it is left, with what could be stored. */
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

/** Says whether there is more to show. Throws if that would be too much, and changes nothing then. */
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

/** What is not stored yet; undefined if there is nothing, or if it may not be written. */
export function nextPiece(writing: DraftWriting): NextPiece | undefined {
  const { name, id, epoch, header, instead, orNone, text, stored, last, dropped } = writing
  if (dropped || stored === text.length) return
  if (stored === undefined) return { name, id, epoch, begins: { header, instead, orNone }, offset: 0, text }
  return { name, id, epoch, offset: stored, text: text.slice(stored), last }
}

/** Its pieces are in the store. */
export function noteStored(writing: DraftWriting, { begins, offset, text }: NextPiece): void {
  writing.stored = offset + text.length
  if (begins) writing.lock.releaseFormer?.()
  else writing.last = offset
}

/**
 * Nobody knows whether its begin is stored. It begins once more, under another epoch: if somebody has taken its place since, that one counts.
 */
export function beginAnew(writing: DraftWriting, log: string): void {
  const { epoch, instead, lock } = writing
  writing.orNone ??= !instead
  writing.instead = [...(instead ?? []), epoch]
  writing.epoch = nextId()
  const next = holdEpoch(log, writing.epoch)
  // What may be stored under the epoch before is not abandoned: its lock is kept until the new one is stored.
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
  // It is still stored, and nobody writes it: others may end it.
  if (writing.state === 'left') writing.lock.release()
}

/** Nothing that it still writes or ends changes anything. */
export function dethrone(writing: DraftWriting): void {
  if (writing.state === 'over') return
  writing.state = 'over'
  writing.lock.release()
  writing.over.abort(new DraftOver(writing.name, writing.id))
}
