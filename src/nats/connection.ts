import { type JetStreamClient, type JetStreamManager, jetstream, jetstreamManager } from '@nats-io/jetstream'
import {
  type Authenticator,
  jwtAuthenticator,
  type NatsConnection,
  tokenAuthenticator,
  usernamePasswordAuthenticator,
  wsconnect,
} from '@nats-io/nats-core'
import { aborting } from '../async.ts'
import { RemoteError } from '../remote.ts'
import { toRemoteError } from './toRemoteError.ts'

/** The credentials of this device for a NATS server, and the subject of its answers. */
export type NatsCredentials = (
  | { readonly jwt: string; readonly seed: string }
  | { readonly user: string; readonly pass: string }
  | { readonly token: string }
) & {
  /** The subject under which answers arrive. `_INBOX` by default. Users of one account that share a prefix can read each other's answers. */
  readonly inboxPrefix?: string | undefined
}

/** One open connection. */
export interface NatsLink {
  readonly nc: NatsConnection
  readonly js: JetStreamClient
  readonly jsm: JetStreamManager
  /** The subject under which answers arrive. */
  readonly inboxPrefix: string
  /** Resolves when the connection has ended for any reason. */
  readonly ended: Promise<void>
}

/** The connection of one remote: made when it is needed, shared, and closed some time after the last use. */
export interface Connector {
  /** Runs a call on the connection. Rejects with `RemoteError`, or with the signal's reason. */
  use<T>(signal: AbortSignal, call: (connection: NatsLink) => Promise<T>): Promise<T>
  /** Runs an async generator on the connection. Throws `RemoteError`, or the signal's reason. */
  stream<T>(signal: AbortSignal, call: (connection: NatsLink) => AsyncIterable<T>): AsyncGenerator<T>
  /** The largest payload, in bytes, that the server last named. */
  readonly payload: number
}

/** Milliseconds to wait for the credentials, for the handshake and for each answer. */
export const NATS_ANSWER_MS = 10_000
/** Milliseconds for which an unused connection stays open if nobody watches. */
const NATS_IDLE_MS = 5_000
/** Milliseconds between pings. A silently dead connection is noticed after two pings. */
const PING_MS = 20_000

export function createConnector(
  servers: string | readonly string[],
  credentials: (() => NatsCredentials | Promise<NatsCredentials>) | undefined,
): Connector {
  let current: Promise<NatsLink> | undefined
  let payload = Number.POSITIVE_INFINITY
  let users = 0
  let idle: ReturnType<typeof setTimeout> | undefined

  async function connect(): Promise<NatsLink> {
    const given = await askCredentials(credentials)
    // The client's own reconnection is off: it stops for good after two refusals, and it presents the same credentials again.
    const nc = await wsconnect({
      servers: typeof servers === 'string' ? servers : [...servers],
      reconnect: false,
      ignoreClusterUpdates: true,
      noAsyncTraces: true,
      timeout: NATS_ANSWER_MS,
      pingInterval: PING_MS,
      name: 'tidemark',
      ...(given && { authenticator: authenticatorOf(given) }),
      ...(given?.inboxPrefix && { inboxPrefix: given.inboxPrefix }),
    }).catch((error: unknown) => {
      throw toRemoteError(error)
    })
    payload = nc.info?.max_payload ?? payload
    const inboxPrefix = given?.inboxPrefix ?? '_INBOX'
    const options = { timeout: NATS_ANSWER_MS, checkAPI: false, watcherPrefix: inboxPrefix }
    return {
      nc,
      inboxPrefix,
      js: jetstream(nc, options),
      jsm: await jetstreamManager(nc, options),
      ended: nc.closed().then(() => {}),
    }
  }

  function shared(): Promise<NatsLink> {
    if (current) return current
    const mine = connect()
    mine.then(
      ({ ended }) => ended.then(() => forget(mine)),
      () => forget(mine),
    )
    current = mine
    return mine
  }
  function forget(one: Promise<NatsLink> | undefined): void {
    if (current === one) current = undefined
  }

  function release(): void {
    users--
    if (users > 0 || !current) return
    const unused = current
    clearTimeout(idle)
    idle = setTimeout(() => {
      if (users > 0) return
      // A new call must not use the connection that closes here.
      forget(unused)
      unused.then(({ nc }) => nc.close()).catch(() => {})
    }, NATS_IDLE_MS)
  }

  /** Returns the error that the caller gets. After a timeout the next call uses a new connection, because this one may be dead. */
  function explain(error: unknown, signal: AbortSignal, connection: NatsLink | undefined): unknown {
    if (signal.aborted) return signal.reason
    const known = toRemoteError(error)
    if (known.kind === 'unreachable') void connection?.nc.close()
    return known
  }

  return {
    async use(signal, call) {
      signal.throwIfAborted()
      users++
      let connection: NatsLink | undefined
      try {
        connection = await aborting(shared(), signal)
        return await aborting(orEnded(connection, call(connection)), signal)
      } catch (error) {
        throw explain(error, signal, connection)
      } finally {
        release()
      }
    },
    async *stream(signal, call) {
      signal.throwIfAborted()
      users++
      let connection: NatsLink | undefined
      try {
        connection = await aborting(shared(), signal)
        for await (const one of call(connection)) {
          signal.throwIfAborted()
          yield one
        }
      } catch (error) {
        throw explain(error, signal, connection)
      } finally {
        release()
      }
    },
    get payload() {
      return payload
    },
  }
}

/** Settles as the call does, or rejects when the connection ends: the client leaves some requests unanswered then. */
function orEnded<T>({ ended }: NatsLink, call: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    call.then(resolve, reject)
    ended.then(() => reject(new RemoteError('unreachable')))
  })
}

async function askCredentials(
  credentials: (() => NatsCredentials | Promise<NatsCredentials>) | undefined,
): Promise<NatsCredentials | undefined> {
  if (!credentials) return undefined
  try {
    return await aborting(Promise.resolve(credentials()), AbortSignal.timeout(NATS_ANSWER_MS))
  } catch (error) {
    if (error instanceof RemoteError) throw error
    throw new RemoteError('unreachable', 'No credentials for the remote were given. They are asked for again', error)
  }
}

function authenticatorOf(given: NatsCredentials): Authenticator {
  if ('jwt' in given) return jwtAuthenticator(given.jwt, new TextEncoder().encode(given.seed))
  if ('user' in given) return usernamePasswordAuthenticator(given.user, given.pass)
  return tokenAuthenticator(given.token)
}
