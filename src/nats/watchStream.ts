import { DeliverPolicy } from '@nats-io/jetstream'
import { sleep } from '../async.ts'
import type { Connector, NatsLink } from './connection.ts'
import type { StreamPlace } from './place.ts'

/** Milliseconds between attempts to connect. The pause doubles after each attempt; each wait is a random half to the whole of it. */
const FIRST_PAUSE_MS = 250
const LONGEST_PAUSE_MS = 15_000
/** Milliseconds for which the server keeps the consumer after the connection has ended. */
const WATCH_CONSUMER_MS = 30_000

/**
 * Keeps a connection and a consumer open. The consumer announces each message once it is stored. A plain subscription would announce it
 * earlier, when a read might not find it yet. `isForeign` gets the sequence of each message. It resolves to false if this device has stored
 * the message itself.
 */
export function watchStream(
  connector: Connector,
  place: StreamPlace,
  isForeign: (sequence: number) => Promise<boolean>,
  hear: (poke: 'more' | 'online' | 'offline') => void,
): () => void {
  const ending = new AbortController()
  const { signal } = ending
  let online: boolean | undefined
  const say = (poke: 'more' | 'online' | 'offline'): void => {
    if (signal.aborted) return
    if (poke !== 'more') {
      if (online === (poke === 'online')) return
      online = poke === 'online'
    }
    hear(poke)
  }

  async function consume({ js }: NatsLink): Promise<void> {
    const consumer = await js.consumers.get(place.stream, {
      deliver_policy: DeliverPolicy.New,
      headers_only: true,
      inactive_threshold: WATCH_CONSUMER_MS,
      ...(place.shared && { filter_subjects: place.subject }),
    })
    const messages = await consumer.consume({
      callback({ seq }) {
        void isForeign(seq).then((is) => is && say('more'))
      },
    })
    say('online')
    const stop = (): void => void messages.close()
    signal.addEventListener('abort', stop)
    await messages.closed()
    signal.removeEventListener('abort', stop)
  }

  async function keepConsuming(): Promise<void> {
    for (let pause = FIRST_PAUSE_MS; !signal.aborted; pause = Math.min(2 * pause, LONGEST_PAUSE_MS)) {
      await connector.use(signal, consume).catch(() => {})
      if (online) pause = FIRST_PAUSE_MS
      say('offline')
      await pauseOrOnline(pause * (0.5 + Math.random() / 2), signal)
    }
  }
  void keepConsuming()
  return () => ending.abort()
}

/** Waits, but ends early if the browser says that the network is back, or if the signal aborts. */
async function pauseOrOnline(ms: number, signal: AbortSignal): Promise<void> {
  const awake = new AbortController()
  const wake = (): void => awake.abort()
  signal.addEventListener('abort', wake)
  globalThis.addEventListener?.('online', wake)
  await sleep(ms, awake.signal).catch(() => {})
  signal.removeEventListener('abort', wake)
  globalThis.removeEventListener?.('online', wake)
}
