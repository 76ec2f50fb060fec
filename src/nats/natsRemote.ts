import { headers } from '@nats-io/nats-core'
import { quietly } from '../async.ts'
import { type OpenRemote, type Remote, RemoteError, type RemoteMessage } from '../remote.ts'
import { defineRemote } from '../sync/carry.ts'
import { createConnector, type NatsCredentials } from './connection.ts'
import { type PlaceOptions, type StreamPlace, streamPlaceOf } from './place.ts'
import { inBatches, MOST_SINGLE, readFew, readMany } from './readMessages.ts'
import { createStreamEnd } from './streamEnd.ts'
import { isRefusal, isUnheard } from './toRemoteError.ts'
import { watchStream } from './watchStream.ts'

/** The servers, stream and credentials of a NATS remote. */
export interface NatsRemoteOptions extends PlaceOptions {
  /** WebSocket addresses of one cluster: `wss://sync.example.com`. */
  readonly servers: string | readonly string[]
  /** The stream of a log: by default `tm_` and the log's name. The stream has to exist. */
  readonly stream?: string | ((log: string) => string) | undefined
  /** The subject of a log in a stream that holds many. Without it the stream holds one log, under a subject of the stream's name. */
  readonly subject?: ((log: string) => string) | undefined
  /** Called at every connect, so a short-lived token is fresh. If it rejects, the connection is tried again later. Throw `RemoteError('denied')` to deny access. */
  readonly credentials?: (() => NatsCredentials | Promise<NatsCredentials>) | undefined
  /** The largest message, in bytes: 1,000,000 unless given, and never more than the server takes. */
  readonly bytes?: number | undefined
}

const NATS_MESSAGE_BYTES = 1_000_000
/** The bytes that the headers of an append take of the server's largest payload. */
const HEADER_BYTES = 1_024
/** The most own messages to remember. Without a watcher, no announcement of the server removes them. */
const MOST_OWN = 64

/**
 * Keeps the messages of a log on a NATS server with JetStream, over WebSocket. It works in a page, in a worker, and in Node 22 or later. It
 * needs the packages `@nats-io/nats-core` and `@nats-io/jetstream`.
 * @example
 * ```ts
 * import { natsRemote } from 'tidemark/nats'
 *
 * export const remote = natsRemote({
 *   servers: 'wss://sync.example.com',
 *   credentials: async () => (await fetch('/api/sync-token')).json(),
 * })
 * ```
 *
 * A stream per log works with every server since 2.9. For many users, `{ stream: 'logs', subject: (log) => 'logs.' + log }` puts a subject
 * per log into one stream; it needs `allow_direct`, and a server since 2.10 if it has replicas. Throws `ModelError` if a log's name gives no
 * valid name for its stream or its subject.
 */
export function natsRemote({
  servers,
  credentials,
  bytes = NATS_MESSAGE_BYTES,
  ...places
}: NatsRemoteOptions): OpenRemote {
  return defineRemote((log) => remoteOf(streamPlaceOf(log, places), { servers, credentials, bytes }))
}

function remoteOf(
  place: StreamPlace,
  { servers, credentials, bytes }: Pick<NatsRemoteOptions, 'servers' | 'credentials'> & { readonly bytes: number },
): Remote {
  const connector = createConnector(servers, credentials)
  const end = createStreamEnd(connector, place)
  /** The current append. */
  let appending: Promise<unknown> = Promise.resolve()
  /** The messages that this device has stored. The engine reads after each append, so it needs no announcement of them. */
  const own = new Set<number>()
  const isForeign = async (sequence: number): Promise<boolean> => {
    end.saw(sequence)
    await quietly(appending)
    return !own.delete(sequence)
  }
  const limits = {
    get bytes() {
      return Math.min(bytes, connector.payload - HEADER_BYTES)
    },
  }

  /** Reads messages that are known to exist, in parallel with the look-up of the end. A message of another device then costs one round trip. */
  const readKnown = (from: number, to: number, signal: AbortSignal): Promise<readonly RemoteMessage[]> =>
    to < from ? Promise.resolve([]) : connector.use(signal, (connection) => readFew(connection, place, from, to))

  return {
    limits,
    async append(message, { after, id, signal }) {
      if (message.length > limits.bytes) throw new RemoteError('too-large')
      // The client refuses a Uint8Array of another frame's realm, so this copies it into one of this realm.
      const copy = new Uint8Array(message)
      return connector.use(signal, async ({ js, jsm }) => {
        const expected = Number(after)
        const named = headers()
        named.set('Tidemark-Id', id)
        try {
          const published = js.publish(place.subject, copy, {
            headers: named,
            expect: place.shared ? { lastSubjectSequence: expected } : { lastSequence: expected },
          })
          appending = published
          const { seq } = await published
          end.saw(seq)
          own.add(seq)
          for (const oldest of own) if (own.size > MOST_OWN) own.delete(oldest)
          return 'appended'
        } catch (error) {
          if (isRefusal(error)) return 'refused'
          // The subject has no listener. This throws if there is no stream; otherwise the stream has no leader yet.
          if (isUnheard(error)) await jsm.streams.info(place.stream)
          throw error
        }
      })
    },
    async *read(after, { including = false, signal }) {
      const from = Math.max(1, Number(after) + (including ? 0 : 1))
      // Most sequences of a shared stream belong to other logs.
      const known = place.shared ? 0 : Math.min(end.seen, from + MOST_SINGLE - 1)
      const [last, found] = await Promise.all([end.lookUp(signal), readKnown(from, known, signal)])
      yield* inBatches(found.filter(({ position }) => Number(position) <= last))
      const next = Math.max(from, known + 1)
      if (last < next) return
      yield* connector.stream(signal, async function* (connection) {
        if (!place.shared && last - next < MOST_SINGLE) yield* inBatches(await readFew(connection, place, next, last))
        else yield* readMany(connection, place, next, last, signal)
      })
    },
    // The server has no count for one log of a shared stream.
    count: async (after, { signal }) => (place.shared ? 0 : Math.max(0, (await end.lookUp(signal)) - Number(after))),
    watch: (hear) => watchStream(connector, place, isForeign, hear),
  }
}
