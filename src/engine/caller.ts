import type { Json } from '../data.ts'
import { StorageError } from '../errors.ts'
import type { Inside } from '../log/append.ts'
import type { Log } from '../log/log.ts'
import type { AnyRecordedEvent } from '../model/events.ts'

/** What the dispatches of one handle have in common. */
export interface Sender {
  /** Of `openEngine`, copied. */
  readonly meta: Json | undefined
  /** Dispatches that were not answered yet. */
  open: number
  /** Told when the last of them is. */
  idle?: () => void
}

/** A dispatch that waits for a command: the first one, and every later one with the same command id and input. */
export class Caller {
  /** Joined a command that was pending already. */
  joined = false
  /** Waits for the shared log: `'wanted'`; `'read'`: that was read once more since it was refused here. */
  remote: 'wanted' | 'read' | undefined
  /** The last record in which `inside` was appended. */
  wroteIn = ''
  /** Lets go of the signal that the dispatch came with. */
  letGo: (() => void) | undefined
  readonly strict: boolean
  /** The handle it came through. */
  readonly owner: Sender
  /** Is written with the command. */
  readonly inside: Inside | undefined
  readonly #resolve: (receipt: AnyReceipt) => void
  readonly #reject: (error: unknown) => void
  #isAnswered = false

  constructor(
    owner: Sender,
    resolve: (receipt: AnyReceipt) => void,
    reject: (error: unknown) => void,
    durability: 'relaxed' | 'strict' | 'remote' = 'relaxed',
    inside?: Inside,
  ) {
    this.owner = owner
    this.#resolve = resolve
    this.#reject = reject
    this.strict = durability === 'strict'
    this.remote = durability === 'remote' ? 'wanted' : undefined
    this.inside = inside
    owner.open++
  }

  resolve(receipt: AnyReceipt): void {
    this.#leave()
    this.#resolve(receipt)
  }

  reject(error: unknown): void {
    this.#leave()
    this.#reject(error)
  }

  #leave(): void {
    if (this.#isAnswered) return
    this.#isAnswered = true
    this.letGo?.()
    if (--this.owner.open === 0) this.owner.idle?.()
  }
}

export interface AnyReceipt {
  readonly commandId: string
  readonly sequence?: number
  /** Only of a log with a remote: it is in the outbox. */
  readonly confirmed?: false
  readonly events: readonly AnyRecordedEvent[]
  readonly duplicate: boolean
}

/** Answers a caller once the disk has what it asked for besides the command. */
export async function resolveBehind(
  log: Log,
  caller: Caller,
  receipt: AnyReceipt,
  toWrite: Inside | undefined,
  toFlush: boolean,
): Promise<void> {
  try {
    if (toWrite) await log.write(toWrite)
    if (toFlush)
      await log.flush().catch((error) => {
        throw notFlushed(receipt.commandId, error)
      })
    caller.resolve(receipt)
  } catch (error) {
    caller.reject(error)
  }
}

export function receiptOf(
  commandId: string,
  { sequence, confirmed, events }: Omit<AnyReceipt, 'commandId'>,
  duplicate: boolean,
): AnyReceipt {
  const receipt: { -readonly [K in keyof AnyReceipt]: AnyReceipt[K] } = { commandId, events, duplicate }
  if (sequence !== undefined) receipt.sequence = sequence
  if (confirmed !== undefined) receipt.confirmed = confirmed
  return Object.freeze(receipt)
}

/** Of all kinds, only 'unknown' says that the command may be in the log: here it is, but a power cut may take it. */
const notFlushed = (id: string, cause: unknown): StorageError =>
  new StorageError(
    'unknown',
    `Command "${id}" is in the log, but it could not be flushed to the disk: dispatch it again with the same commandId.`,
    cause,
  )
