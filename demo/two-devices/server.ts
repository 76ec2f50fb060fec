import { proxy, wrap } from 'comlink'
import type { RemoteMessage } from 'tidemark'
import type { Calls } from './between.ts'
import { type Host, memoryHost, type Network } from './host.ts'

/** A message of the shared log, as the strip shows it. */
export interface Shown {
  readonly position: string
  readonly text: string
  readonly at: number
}

const KEY = 'two-devices'
/** A power cut loses the messages of this many milliseconds before the newest one. */
const UNSAVED_MS = 1000

/** The server, with the data that the page shows. */
export interface Server {
  /** `memory`: the server is part of this page, which can make it forget messages. */
  readonly is: 'memory' | 'nats'
  calls(device: string): Calls
  set(device: string, network: Network): void
  messages(): readonly Shown[]
  subscribe(listener: () => void): () => void
  /** Resolves to the number of forgotten messages. The first message is kept, because an empty server would look like another server. */
  forget(): Promise<number>
}

/** Opens the server of this page, in a SharedWorker if the browser has them, or a real server at an address. */
export async function openServer(nats: string | null): Promise<Server> {
  if (nats !== null) return serverOf((await import('./natsHost.ts')).natsHost(nats), 'nats')
  if (!('SharedWorker' in globalThis)) return serverOf(memoryHost(), 'memory')
  const worker = new SharedWorker(new URL('./server.worker.ts', import.meta.url), { type: 'module' })
  // A proxy returns promises, but all results of a host are awaited, so a host and its proxy are used alike.
  return serverOf(wrap<Host>(worker.port) as unknown as Host, 'memory')
}

function serverOf(host: Host, is: Server['is']): Server {
  let times: number[] = []
  let shown: readonly Shown[] = []
  const listeners = new Set<() => void>()

  async function refresh(): Promise<void> {
    const answer = await host.read('', '', false)
    if (!('value' in answer)) return
    const messages = answer.value.flat()
    times = messages.map((_, i) => times[i] ?? Date.now())
    shown = messages.map(({ position, message }, i) => ({ position, text: describe(message), at: times[i] ?? 0 }))
    if (is === 'memory') save(messages, times)
    for (const listener of listeners) listener()
  }
  if (is === 'memory') {
    const saved = load()
    times = saved.map(({ at }) => at)
    host.restore(saved.map(({ bytes }) => Uint8Array.from(bytes)))
  }
  host.watch(
    '',
    proxy(() => void refresh()),
  )
  void refresh()

  return {
    is,
    calls: (device) => ({
      append: (message, after, id) => host.append(device, message, after, id),
      read: (after, including) => host.read(device, after, including),
      watch(hear) {
        const number = Promise.resolve(host.watch(device, proxy(hear)))
        return () => void number.then((one) => host.unwatch(one))
      },
    }),
    set: (device, network) => host.set(device, network),
    messages: () => shown,
    subscribe(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    async forget() {
      const newest = times.at(-1) ?? 0
      const count = times.slice(1).filter((at) => at > newest - UNSAVED_MS).length
      times = times.slice(0, times.length - count)
      await host.forget(count)
      await refresh()
      return count
    },
  }
}

/** Saves the messages, which a server keeps across a restart. A worker has no `localStorage`, so the page saves them. */
const save = (messages: readonly RemoteMessage[], times: readonly number[]): void =>
  localStorage.setItem(KEY, JSON.stringify(messages.map(({ message }, i) => ({ at: times[i], bytes: [...message] }))))
const load = (): { at: number; bytes: number[] }[] => JSON.parse(localStorage.getItem(KEY) ?? '[]')

interface Command {
  readonly events: readonly { readonly type: string; readonly data: { readonly seat: string; readonly by?: string } }[]
}

/** Describes the events of a message for the visitor. A server does not read them. */
function describe(message: Uint8Array): string {
  try {
    const lines = new TextDecoder().decode(message).trim().split('\n').slice(1)
    const commands = lines.filter((_, i) => i % 2 === 1).flatMap((line) => JSON.parse(line) as Command[])
    return commands
      .flatMap(({ events }) => events)
      .map(({ type, data: { seat, by } }) => (type === 'seatBooked' ? `${by} booked ${seat}` : `${seat} is free again`))
      .join(', ')
  } catch {
    return `${message.length} bytes`
  }
}
