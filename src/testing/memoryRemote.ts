import { type Position, RemoteError, type RemoteMessage } from '../remote.ts'
import { createDevice, type DeviceNetwork, type MemoryDevice, type MemoryServer, type Stream } from './memoryDevice.ts'
import { createSeeded } from './seeded.ts'

/** How the remote in memory behaves. */
export interface MemoryRemoteOptions {
  /** Decides every fault and every latency: the same seed and the same calls give the same run. 1 by default. */
  readonly seed?: number | undefined
  /** False: every append goes to the end, whatever its `after` is, as in a server that can't compare. */
  readonly conditional?: boolean | undefined
  /** The largest message, in bytes. 1,000,000 by default. */
  readonly bytes?: number | undefined
  /** The most messages in a batch of a read; without it the only limit is about 1 MB. */
  readonly batch?: number | undefined
  /** The most milliseconds by which an append is late. 2,000 by default. */
  readonly lateMs?: number | undefined
  /** Calls a function after some milliseconds. By default `setTimeout`, which is looked up at each call. */
  readonly later?: ((run: () => void, ms: number) => void) | undefined
}

/** A server in memory, with the logs of any number of devices. */
export interface MemoryRemote {
  /** Another device of the same logs. */
  device(network?: Partial<DeviceNetwork>): MemoryDevice
  /** The messages of a log, in the order of the remote. */
  messages(log: string): readonly RemoteMessage[]
  /** Appends a message, as any other client with write access can. */
  put(log: string, message: Uint8Array): void
  /** Kills the server and starts it without its newest messages. The next append gets the position of the first forgotten message. */
  forget(log: string, count: number): void
  /** Starts the server with these messages: a backup, another log, or nothing. */
  replace(log: string, messages: readonly Uint8Array[]): void
  /** Deletes the log: each call rejects as `'gone'` until `replace` makes it again. */
  remove(log: string): void
}

const MEMORY_MESSAGE_BYTES = 1_000_000
const MEMORY_LATE_MS = 2_000

/**
 * A remote in memory, for tests and demos. Devices that share it share their logs. It loses, delays, doubles and forgets messages as a server
 * and a network do, at moments that depend on its seed.
 * @example
 * ```ts
 * const server = memoryRemote({ seed: 7 })
 * const phone = server.device({ faults: { lostAck: 0.2, late: 0.1 } })
 * const laptop = server.device()
 *
 * phone.set({ offline: true })
 * phone.set({ offline: false })
 * // The server is killed, and starts without its newest three messages:
 * server.forget('todos', 3)
 * ```
 *
 * Delays use `setTimeout`, so fake timers move them. Without `latency` and `late` there are no delays.
 */
export function memoryRemote({
  seed = 1,
  conditional = true,
  bytes = MEMORY_MESSAGE_BYTES,
  batch = Number.POSITIVE_INFINITY,
  lateMs = MEMORY_LATE_MS,
  later = (run, ms) => void setTimeout(run, ms),
}: MemoryRemoteOptions = {}): MemoryRemote {
  const seeded = createSeeded(seed)
  const streams = new Map<string, Stream>()
  const streamOf = (log: string): Stream => {
    let stream = streams.get(log)
    if (!stream) {
      stream = { messages: [], gone: false, watchers: new Set() }
      streams.set(log, stream)
    }
    return stream
  }
  const poke = (stream: Stream): void => {
    for (const { tell, isUp } of stream.watchers) if (isUp()) tell('more')
  }
  const restart = (stream: Stream, messages: readonly Uint8Array[]): void => {
    const up = [...stream.watchers].filter(({ isUp }) => isUp())
    stream.messages = [...messages]
    for (const word of ['offline', 'online'] as const) for (const { tell } of up) tell(word)
  }
  const land = (stream: Stream, message: Uint8Array, after: Position): 'appended' | 'refused' => {
    if (stream.gone) throw new RemoteError('gone')
    if (conditional && stream.messages.length !== Number(after)) return 'refused'
    stream.messages.push(message)
    poke(stream)
    return 'appended'
  }
  const shared: MemoryServer = { seeded, bytes, batch, lateMs, later, streamOf, land, poke }
  return {
    device: (network) => createDevice(shared, network),
    messages: (log) =>
      streamOf(log).messages.map((message, i) => ({ position: String(i + 1), message: message.slice() })),
    put(log, message) {
      const stream = streamOf(log)
      stream.messages.push(message.slice())
      poke(stream)
    },
    forget(log, count) {
      const stream = streamOf(log)
      restart(stream, stream.messages.slice(0, Math.max(0, stream.messages.length - count)))
    },
    replace(log, messages) {
      const stream = streamOf(log)
      stream.gone = false
      restart(
        stream,
        messages.map((message) => message.slice()),
      )
    },
    remove(log) {
      const stream = streamOf(log)
      stream.gone = true
      stream.messages = []
    },
  }
}
