import { createInbox, type Msg } from '@nats-io/nats-core'
import { RemoteError, type RemoteMessage } from '../remote.ts'
import { NATS_ANSWER_MS, type NatsLink } from './connection.ts'

/** The most messages and bytes of one request. A single larger message is requested alone. */
const PULL_MESSAGES = 4096
const PULL_BYTES = 1_000_000
/** The status codes with which a server ends a request, like those of HTTP. */
const CONFLICT = 409
const EXCEEDS_BYTES = /MaxBytes/i
const NANOSECONDS = 1_000_000

/** The answer to one request. */
export interface Pulled {
  readonly messages: readonly RemoteMessage[]
  readonly last: number
  /** The number of messages that the consumer has after the last one. */
  readonly pending: number
}

/** The consumer to read, and the sequence at which reading ends. */
export interface Pulling {
  readonly stream: string
  readonly consumer: string
  readonly to: number
}

/**
 * Requests the next messages of a consumer, about 1 MB of them, and waits until they have arrived. The client's own `consume` requests at
 * most 100 messages ahead, so a log of small messages would take a round trip for every few dozen of them.
 */
export async function pull(link: NatsLink, pulling: Pulling, signal: AbortSignal): Promise<Pulled> {
  const found = await request(link, pulling, { batch: PULL_MESSAGES, max_bytes: PULL_BYTES }, signal)
  return found.messages.length ? found : request(link, pulling, { batch: 1 }, signal)
}

interface Limits {
  readonly batch: number
  readonly max_bytes?: number
}

function request(
  { nc, inboxPrefix }: NatsLink,
  { stream, consumer, to }: Pulling,
  limits: Limits,
  signal: AbortSignal,
): Promise<Pulled> {
  const messages: RemoteMessage[] = []
  let last = 0
  let pending = Number.POSITIVE_INFINITY
  return new Promise((resolve, reject) => {
    let counted = 0
    const fail = (error: unknown): void => end(() => reject(error))
    const done = (): void => end(() => resolve({ messages, last, pending }))
    const abort = (): void => fail(signal.reason)
    const timer = setInterval(() => {
      if (messages.length === counted) fail(new RemoteError('unreachable'))
      counted = messages.length
    }, NATS_ANSWER_MS)

    function end(settle: () => void): void {
      clearInterval(timer)
      signal.removeEventListener('abort', abort)
      asked.unsubscribe()
      settle()
    }

    function receive(message: Msg): void {
      const place = placeInStream(message)
      if (!place) {
        const isFull = message.headers?.code === CONFLICT && EXCEEDS_BYTES.test(message.headers.description)
        if (isFull) done()
        else fail(new RemoteError('unreachable'))
        return
      }
      last = place.sequence
      pending = place.pending
      if (last <= to) messages.push({ position: String(last), message: message.data })
      if (last >= to || pending === 0 || messages.length === limits.batch) done()
    }

    const asked = nc.subscribe(createInbox(inboxPrefix), {
      callback: (error, message) => (error ? fail(error) : receive(message)),
    })
    asked.closed.then(() => fail(new RemoteError('unreachable')), fail)
    signal.addEventListener('abort', abort)
    nc.publish(
      `$JS.API.CONSUMER.MSG.NEXT.${stream}.${consumer}`,
      JSON.stringify({ ...limits, expires: NATS_ANSWER_MS * NANOSECONDS }),
      { reply: asked.getSubject() },
    )
  })
}

/**
 * The place of a message in the stream, or `undefined` for a status of the server. A message of the stream has the subject of its
 * acknowledgement as `reply`. Its parts: `$JS.ACK`, then domain and account (newer servers only), stream, consumer, deliveries, the sequence
 * in the stream, the sequence in the consumer, the time, the number of pending messages, and perhaps further parts.
 */
function placeInStream({ reply }: Msg): { readonly sequence: number; readonly pending: number } | undefined {
  const parts = reply?.split('.') ?? []
  const rest = parts.slice(parts.length === 9 ? 2 : 4)
  const [sequence, pending] = [Number(rest[3]), Number(rest[6])]
  return Number.isSafeInteger(sequence) && Number.isSafeInteger(pending) ? { sequence, pending } : undefined
}
