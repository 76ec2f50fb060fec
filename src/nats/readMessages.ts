import { DeliverPolicy } from '@nats-io/jetstream'
import { RemoteError, type RemoteMessage } from '../remote.ts'
import type { NatsLink } from './connection.ts'
import type { StreamPlace } from './place.ts'
import { type Pulled, pull } from './pullMessages.ts'
import { isMissingMessage } from './toRemoteError.ts'

const NATS_BATCH_BYTES = 1_000_000
/** The most messages to read with a request each, all in parallel. That costs two round trips. A consumer costs four, and state on the server. */
export const MOST_SINGLE = 8
/** Milliseconds for which the server keeps an unused consumer. */
const READ_CONSUMER_MS = 30_000

/** The sequence of the log's last message; 0 if there is none. Answered by the stream's leader, or for a shared stream by any of its servers. */
export async function lastOf({ jsm }: NatsLink, { stream, subject, shared }: StreamPlace): Promise<number> {
  if (!shared) return (await jsm.streams.info(stream)).state.last_seq
  return (await jsm.direct.getMessage(stream, { last_by_subj: subject }))?.seq ?? 0
}

/** Reads the messages from one sequence to another, with a request for each. */
export async function readFew(
  { jsm }: NatsLink,
  { stream }: StreamPlace,
  from: number,
  to: number,
): Promise<RemoteMessage[]> {
  const sequences = Array.from({ length: to - from + 1 }, (_, i) => from + i)
  const found = await Promise.all(
    sequences.map((seq) =>
      jsm.streams.getMessage(stream, { seq }).catch((error: unknown) => {
        // An administrator deleted this message. Every device reads the same remaining messages.
        if (isMissingMessage(error)) return null
        throw error
      }),
    ),
  )
  return found.flatMap((one) => (one ? [{ position: String(one.seq), message: one.data }] : []))
}

/** Reads the messages from one sequence to another in batches, through an ordered consumer (every server since 2.9 has them). */
export async function* readMany(
  connection: NatsLink,
  place: StreamPlace,
  from: number,
  to: number,
  signal: AbortSignal,
): AsyncGenerator<readonly RemoteMessage[]> {
  const { stream, subject, shared } = place
  const ordered = await connection.js.consumers.get(stream, {
    deliver_policy: DeliverPolicy.StartSequence,
    opt_start_seq: from,
    inactive_threshold: READ_CONSUMER_MS,
    ...(shared && { filter_subjects: subject }),
  })
  const { name: consumer, num_pending } = await ordered.info(true)
  if (num_pending === 0 && !(await isAnyFrom(connection, place, from))) return
  const stopping = new AbortController()
  const abort = (): void => stopping.abort(signal.reason)
  signal.addEventListener('abort', abort)
  const ask = (): Promise<Pulled> => {
    const asked = pull(connection, { stream, consumer, to }, stopping.signal)
    // The loop below handles a rejection, but it may not await this promise yet.
    asked.catch(() => {})
    return asked
  }
  try {
    for (let asked = ask(); ; ) {
      const { messages, last, pending } = await asked
      const isEnd = last >= to || pending === 0
      // The server sends the next messages while the caller processes these.
      if (!isEnd) asked = ask()
      if (messages.length > 0) yield messages
      if (!isEnd) continue
      if (last < to && (await isAnyFrom(connection, place, last + 1)))
        yield* readMany(connection, place, last + 1, to, signal)
      return
    }
  } finally {
    signal.removeEventListener('abort', abort)
    stopping.abort(new RemoteError('unreachable'))
  }
}

/**
 * Whether the log has a message at `seq` or after it. Asked if the consumer has none: either these messages were deleted, or the consumer's
 * server has yet to get them from the stream's leader. A shared stream has one: its last message was found by the subject.
 */
async function isAnyFrom({ jsm }: NatsLink, { stream, subject, shared }: StreamPlace, seq: number): Promise<boolean> {
  if (shared) return true
  // A variable, because the client's type for this call has only `seq`.
  const next = { seq, next_by_subj: subject }
  try {
    return (await jsm.streams.getMessage(stream, next)) !== null
  } catch (error) {
    if (isMissingMessage(error)) return false
    throw error
  }
}

/** Splits messages into batches of about 1 MB. */
export function* inBatches(messages: readonly RemoteMessage[]): Generator<readonly RemoteMessage[]> {
  let batch: RemoteMessage[] = []
  let bytes = 0
  for (const one of messages) {
    if (batch.length > 0 && bytes + one.message.length > NATS_BATCH_BYTES) {
      yield batch
      batch = []
      bytes = 0
    }
    batch.push(one)
    bytes += one.message.length
  }
  if (batch.length > 0) yield batch
}
