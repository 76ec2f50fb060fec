import { aborting } from '../async.ts'
import { type OpenRemote, type Position, type Remote, RemoteError, type RemoteMessage } from '../remote.ts'
import { defineRemote } from '../sync/carry.ts'
import type { Seeded } from './seeded.ts'

/** The share of calls that each fault strikes, from 0 to 1. 0 by default. */
export interface RemoteFaults {
  /** The append doesn't arrive. The call rejects with `'unreachable'`. */
  readonly lost?: number | undefined
  /** The append lands. The call rejects with `'unreachable'`. */
  readonly lostAck?: number | undefined
  /** The call rejects with `'unreachable'`, and the append arrives up to `lateMs` later. */
  readonly late?: number | undefined
  /** The append arrives twice. If the remote compares positions, it refuses the second one. */
  readonly doubled?: number | undefined
  /** Before the append, another message lands that isn't of the log: random bytes, a piece of the message, or an older message again. */
  readonly garbage?: number | undefined
  /** The read ends with `'unreachable'`, perhaps after some batches. */
  readonly lostRead?: number | undefined
  /** The device does not hear `'more'` when there are new messages. */
  readonly lostPoke?: number | undefined
}

/** The network between a device and the remote. */
export interface DeviceNetwork {
  readonly offline: boolean
  /** The remote refuses every call of the device. */
  readonly denied: boolean
  /** Milliseconds from device to remote and back: a number, or the least and the most. 0 needs no timer. */
  readonly latency: number | readonly [least: number, most: number]
  readonly faults: RemoteFaults
}

/** One device. Called with the name of a log, it returns the remote; `set` changes its network. */
export interface MemoryDevice extends OpenRemote {
  /** Changes the network from now on, also for calls in progress. */
  set(changes: Partial<DeviceNetwork>): void
}

/** A log as the server holds it. */
export interface Stream {
  messages: Uint8Array[]
  gone: boolean
  readonly watchers: Set<Watcher>
}
interface Watcher {
  readonly tell: (poke: 'more' | 'online' | 'offline') => void
  readonly isUp: () => boolean
}

const MEMORY_BATCH_BYTES = 1_000_000

/** What the devices of a server share. */
export interface MemoryServer {
  readonly seeded: Seeded
  readonly bytes: number
  readonly batch: number
  readonly lateMs: number
  readonly later: (run: () => void, ms: number) => void
  readonly streamOf: (log: string) => Stream
  readonly land: (stream: Stream, message: Uint8Array, after: Position) => 'appended' | 'refused'
  readonly poke: (stream: Stream) => void
}

export function createDevice(shared: MemoryServer, changes: Partial<DeviceNetwork> = {}): MemoryDevice {
  const { seeded } = shared
  let network: DeviceNetwork = { offline: false, denied: false, latency: 0, faults: {}, ...changes }
  const watchers = new Set<Watcher>()
  const isUp = (): boolean => !network.offline && !network.denied
  const strikes = (fault: keyof RemoteFaults): boolean => seeded.chance(network.faults[fault] ?? 0)

  /** Waits for one direction of the way between device and remote. */
  async function travel(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    const { latency } = network
    const [least, most] = typeof latency === 'number' ? [latency, latency] : latency
    const ms = (least + seeded.next() * (most - least)) / 2
    await aborting(ms > 0 ? new Promise<void>((done) => shared.later(done, ms)) : Promise.resolve(), signal)
    if (network.offline) throw new RemoteError('unreachable')
    if (network.denied) throw new RemoteError('denied')
  }

  /** Appends a message that is not of the log, as any client with write access can. */
  function dropGarbage(stream: Stream, message: Uint8Array): void {
    const junk = [
      Uint8Array.from({ length: seeded.below(40) }, () => seeded.below(256)),
      message.slice(0, seeded.below(message.length)),
      stream.messages[seeded.below(stream.messages.length)] ?? new Uint8Array(),
    ]
    stream.messages.push(junk[seeded.below(junk.length)]!)
    shared.poke(stream)
  }

  const remoteOf = (log: string): Remote => {
    const stream = shared.streamOf(log)
    /** Delivers an append to the server; `'unknown'` if the caller gets no answer. */
    function arrive(message: Uint8Array, after: Position): 'appended' | 'refused' | 'unknown' {
      if (strikes('garbage')) dropGarbage(stream, message)
      if (strikes('lost')) return 'unknown'
      if (strikes('late')) {
        shared.later(() => stream.gone || shared.land(stream, message, after), seeded.next() * shared.lateMs)
        return 'unknown'
      }
      const answer = shared.land(stream, message, after)
      if (strikes('doubled')) shared.land(stream, message, after)
      return strikes('lostAck') ? 'unknown' : answer
    }
    return {
      limits: { bytes: shared.bytes },
      async append(message, { after, signal }) {
        if (message.length > shared.bytes) throw new RemoteError('too-large')
        const sent = message.slice()
        await travel(signal)
        const answer = arrive(sent, after)
        await travel(signal)
        if (answer === 'unknown') throw new RemoteError('unreachable')
        return answer
      },
      async *read(after, { including = false, signal }) {
        await travel(signal)
        if (stream.gone) throw new RemoteError('gone')
        const from = Math.max(0, Number(after) - (including ? 1 : 0))
        const breaks = strikes('lostRead')
        const batches = splitInBatches(stream.messages.slice(from), from, shared.batch)
        for (const batch of batches.slice(0, breaks ? seeded.below(batches.length + 1) : undefined)) {
          await travel(signal)
          yield batch
        }
        if (breaks) throw new RemoteError('unreachable')
      },
      async count(after, { signal }) {
        await travel(signal)
        return Math.max(0, stream.messages.length - Number(after))
      },
      watch(hear) {
        let up: boolean | undefined
        let live = true
        const say = (poke: 'more' | 'online' | 'offline'): void =>
          // In a microtask, as from a socket: never inside the call that caused it.
          queueMicrotask(() => live && hear(poke))
        const watcher: Watcher = {
          isUp,
          tell(poke) {
            if (poke === 'more') {
              if (!strikes('lostPoke')) say(poke)
            } else if (up !== (poke === 'online')) {
              up = poke === 'online'
              say(poke)
            }
          },
        }
        stream.watchers.add(watcher)
        watchers.add(watcher)
        watcher.tell(isUp() ? 'online' : 'offline')
        return () => {
          live = false
          stream.watchers.delete(watcher)
          watchers.delete(watcher)
        }
      },
    }
  }
  const device: MemoryDevice = Object.assign(remoteOf, {
    set(next: Partial<DeviceNetwork>) {
      network = { ...network, ...next }
      for (const { tell } of watchers) tell(isUp() ? 'online' : 'offline')
    },
  })
  return defineRemote(device)
}

function splitInBatches(messages: readonly Uint8Array[], from: number, most: number): RemoteMessage[][] {
  const batches: RemoteMessage[][] = []
  let bytes = Number.POSITIVE_INFINITY
  for (const [i, message] of messages.entries()) {
    bytes += message.length
    if (bytes > MEMORY_BATCH_BYTES || (batches.at(-1)?.length ?? 0) >= most) {
      batches.push([])
      bytes = message.length
    }
    batches.at(-1)?.push({ position: String(from + i + 1), message: message.slice() })
  }
  return batches
}
