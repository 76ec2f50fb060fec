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
/** What the server forgets in a power cut: everything that came within so many milliseconds of its newest message. */
const UNSAVED_MS = 1000

/** The server, and what the page shows of it. */
export interface Server {
  /** `memory`: it is of this page, which can let it forget something. */
  readonly is: 'memory' | 'nats'
  calls(device: string): Calls
  set(device: string, network: Network): void
  messages(): readonly Shown[]
  subscribe(listener: () => void): () => void
  /** Resolves to the messages that it has forgotten. The first one stays: a server that has nothing can't be told from another one. */
  forget(): Promise<number>
}

/** Either the server of this page, in a SharedWorker where the browser has them, or a real one at an address. */
export async function openServer(nats: string | null): Promise<Server> {
  if (nats !== null) return serverOf((await import('./natsHost.ts')).natsHost(nats), 'nats')
  if (!('SharedWorker' in globalThis)) return serverOf(memoryHost(), 'memory')
  const worker = new SharedWorker(new URL('./server.worker.ts', import.meta.url), { type: 'module' })
  // What comes through a port is awaited, whatever it is: the host's methods and those of its proxy are used alike.
  return serverOf(wrap<Host>(worker.port) as unknown as Host, 'memory')
}

function serverOf(host: Host, is: Server['is']): Server {
  let times: number[] = []
  let shown: readonly Shown[] = []
  const listeners = new Set<() => void>()

  async function look(): Promise<void> {
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
    host.begin(saved.map(({ bytes }) => Uint8Array.from(bytes)))
  }
  host.watch(
    '',
    proxy(() => void look()),
  )
  void look()

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
      await look()
      return count
    },
  }
}

/** A server keeps its messages over a restart; a worker has nowhere to put them, so its page does. */
const save = (messages: readonly RemoteMessage[], times: readonly number[]): void =>
  localStorage.setItem(KEY, JSON.stringify(messages.map(({ message }, i) => ({ at: times[i], bytes: [...message] }))))
const load = (): { at: number; bytes: number[] }[] => JSON.parse(localStorage.getItem(KEY) ?? '[]')

interface Command {
  readonly events: readonly { readonly type: string; readonly data: { readonly seat: string; readonly by?: string } }[]
}

/** What the events of a message say. A server doesn't look: this is for the person at the page. */
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
