import { Named } from './errors.ts'

/** A position in a remote's list of messages: `''` is the beginning, any other string is opaque. It stays valid over restarts of client and server. */
export type Position = string

/** One message of a remote, and its position. */
export interface RemoteMessage {
  readonly position: Position
  readonly message: Uint8Array
}

/**
 * A server's append-only list of the messages of one log. It gives all devices the same order. The server doesn't read the messages. It may
 * forget the newest ones, repeat one, or hold some that aren't of this log: the engine checks each message. An adapter holds no state that
 * matters, so page and worker may each have an adapter. `remoteConformance` of `tidemark/testing` tests an adapter.
 * @example
 * ```ts
 * import type { Remote } from 'tidemark'
 *
 * // The messages of a log, read again from the remote.
 * async function countMessages(remote: Remote): Promise<number> {
 *   let count = 0
 *   for await (const batch of remote.read('', { signal: AbortSignal.timeout(10_000) })) count += batch.length
 *   return count
 * }
 * ```
 *
 * Each call takes a signal. An aborted call rejects with the signal's reason. An aborted append may still land.
 */
export interface Remote {
  /**
   * Puts a message after the position `after` (the position of the last message that the caller has read) or, if the remote can't compare, at the end.
   * Resolves to `'appended'` if every read that begins from now on finds the message, and to `'refused'` if the message is certainly not there
   * and never will be. Rejects if that is unknown: the message may land later. `id` names the message in logs and traces of the server.
   * Throws `RemoteError`.
   */
  append(
    message: Uint8Array,
    options: { readonly after: Position; readonly id: string; readonly signal: AbortSignal },
  ): Promise<'appended' | 'refused'>
  /**
   * Yields all messages after a position, in their order, up to the newest one at the time of the read. They come in batches of about 1 MB
   * at most (a single larger message is a batch), and no batch is empty. With `including`, the message at the position itself comes first. If the
   * remote has forgotten the position, with its newest messages, yields only the messages after it, if any. Throws `RemoteError`.
   */
  read(
    after: Position,
    options: { readonly including?: boolean; readonly signal: AbortSignal },
  ): AsyncIterable<readonly RemoteMessage[]>
  /**
   * Calls `hear` with `'more'` if there may be new messages. Calls it with `'online'` or `'offline'` soon after `watch` was called, and whenever
   * the connection changes. A missing `'more'` costs time only. Keeps the connection open until the returned function is called.
   */
  watch(hear: (poke: 'more' | 'online' | 'offline') => void): () => void
  /** The number of messages after a position. It is only for a progress bar, so an estimate will do. */
  count?(after: Position, options: { readonly signal: AbortSignal }): Promise<number>
  /** `bytes`: the size of the largest message that `append` takes. */
  readonly limits: { readonly bytes: number }
}

/**
 * Returns the remote of the log with this name. `openEngine` and `hostProjections` take such a function as `remote`.
 * @example
 * ```ts
 * import type { OpenRemote } from 'tidemark'
 * import { memoryRemote } from 'tidemark/testing'
 *
 * const server = memoryRemote()
 * export const remote: OpenRemote = server.device()
 * ```
 */
export type OpenRemote = (log: string) => Remote

const REMOTE: Readonly<Record<RemoteError['kind'], string>> = {
  unreachable: 'The remote did not answer. Nothing is lost: it is asked again',
  denied: 'The remote refuses this device. Sign in again, or ask who runs the remote for access',
  'too-large': 'The message is larger than the remote takes. Split the command into smaller ones',
  gone: 'The remote has no log of this name. It was deleted there, or it has yet to be created',
}

/**
 * A remote failed. `'unreachable'`: no answer, so an append may have landed. `'denied'`: credentials are missing, expired or too weak.
 * `'too-large'`: the message is over `limits.bytes`. `'gone'`: the remote has no such log. Except for `'unreachable'`, nothing was appended.
 * @example
 * ```ts
 * import { type Remote, RemoteError } from 'tidemark'
 *
 * async function isReachable(remote: Remote): Promise<boolean> {
 *   try {
 *     for await (const _ of remote.read('', { signal: AbortSignal.timeout(5_000) })) break
 *     return true
 *   } catch (error) {
 *     if (error instanceof RemoteError && error.kind === 'unreachable') return false
 *     throw error
 *   }
 * }
 * ```
 */
export class RemoteError extends Named<'RemoteError'> {
  declare readonly kind: 'unreachable' | 'denied' | 'too-large' | 'gone'
  constructor(kind: RemoteError['kind'], message: string = REMOTE[kind], cause?: unknown) {
    super('RemoteError', message, { kind }, cause)
  }
}
