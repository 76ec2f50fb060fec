import type { Json } from '../data.ts'
import { StorageError } from '../errors.ts'
import type { ExtraWrite } from '../log/append.ts'
import type { Log } from '../log/log.ts'
import type { AnyRecordedEvent } from '../model/events.ts'

/** The state that the dispatches of one handle share. */
export interface Sender {
  /** The `meta` option of `openEngine`, copied. */
  readonly meta: Json | undefined
  /** The number of dispatches that are not settled. */
  open: number
  /** Called when the last of them settles. */
  idle?: () => void
}

/**
 * One dispatch that waits for a command. Later dispatches with the same command id and input wait for the same command.
 */
export class Caller {
  /** True if the command was already pending. */
  joined = false
  /**
   * Set if the dispatch waits for the remote (`durability: 'remote'`). `'read'`: the remote was read once more after
   * the command was refused here.
   */
  remote: 'wanted' | 'read' | undefined
  /** The id of the last record with which `extra` was written. */
  wroteIn = ''
  /** Removes the listener from the dispatch's `signal`. */
  letGo: (() => void) | undefined
  readonly strict: boolean
  /** The handle that dispatched. */
  readonly owner: Sender
  /** Extra writes for the transaction of the command. */
  readonly extra: ExtraWrite | undefined
  readonly #resolve: (receipt: AnyReceipt) => void
  readonly #reject: (error: unknown) => void
  #isAnswered = false

  constructor(
    owner: Sender,
    resolve: (receipt: AnyReceipt) => void,
    reject: (error: unknown) => void,
    durability: 'relaxed' | 'strict' | 'remote' = 'relaxed',
    extra?: ExtraWrite,
  ) {
    this.owner = owner
    this.#resolve = resolve
    this.#reject = reject
    this.strict = durability === 'strict'
    this.remote = durability === 'remote' ? 'wanted' : undefined
    this.extra = extra
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
  /** False if the command is in the outbox and the remote has not ordered it. */
  readonly confirmed?: false
  readonly events: readonly AnyRecordedEvent[]
  readonly duplicate: boolean
}

/** Resolves a caller after its extra writes and its flush to the disk are done. */
export async function resolveBehind(
  log: Log,
  caller: Caller,
  receipt: AnyReceipt,
  toWrite: ExtraWrite | undefined,
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

/**
 * The kind is 'unknown', the only one that says the command may be in the log. Here it is, but a power cut may remove
 * it.
 */
const notFlushed = (id: string, cause: unknown): StorageError =>
  new StorageError(
    'unknown',
    `Command "${id}" is in the log, but it could not be flushed to the disk: dispatch it again with the same commandId.`,
    cause,
  )
