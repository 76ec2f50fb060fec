import { type Position, RemoteError, type RemoteMessage } from '../remote.ts'
import { createDevice, type DeviceNetwork, type MemoryDevice, type MemoryServer, type Stream } from './memoryDevice.ts'
import { createSeeded } from './seeded.ts'

/** How the remote in memory behaves. */
export interface MemoryRemoteOptions {
  /** Decides every fault and every latency: the same seed and the same calls give the same run. 1 unless given. */
  readonly seed?: number | undefined
  /** False: an append lands at the end whatever it expects, as in an engine that can't compare. */
  readonly conditional?: boolean | undefined
  /** The largest message, in bytes. 1,000,000 unless given. */
  readonly bytes?: number | undefined
  /** The most messages in a batch of a read; without it the only limit is about 1 MB. */
  readonly batch?: number | undefined
  /** The most milliseconds by which a late append is late. 2,000 unless given. */
  readonly lateMs?: number | undefined
  /** Runs something after some milliseconds. `setTimeout`, looked up at each call, unless given. */
  readonly later?: ((run: () => void, ms: number) => void) | undefined
}

/** A server in memory, with the logs of any number of devices. */
export interface MemoryRemote {
  /** Another device of the same logs. */
  device(network?: Partial<DeviceNetwork>): MemoryDevice
  /** What the remote holds of a log, in its order. */
  messages(log: string): readonly RemoteMessage[]
  /** Appends a message as somebody else does who may write. */
  put(log: string, message: Uint8Array): void
  /** The server is killed and starts without its newest messages. The next append takes the place of the first of them. */
  forget(log: string, count: number): void
  /** The server starts with these messages: a backup, another log, or nothing. */
  replace(log: string, messages: readonly Uint8Array[]): void
  /** The log is deleted: each call rejects as `'gone'` until `replace` makes it again. */
  remove(log: string): void
}

const MEMORY_MESSAGE_BYTES = 1_000_000
const MEMORY_LATE_MS = 2_000

/**
 * A remote in memory, for tests and demos: devices that share it have one log. It loses, delays, doubles and forgets as a server and a
 * network do, at the moments that its seed decides.
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
 * Delays are `setTimeout`, so fake timers move them; without `latency` and `late` there is none.
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
    if (!stream) streams.set(log, (stream = { messages: [], gone: false, watchers: new Set() }))
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
