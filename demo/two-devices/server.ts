import { memoryRemote } from 'tidemark/testing'
import { LOG } from './seats.ts'

/** A message of the shared log, as the strip shows it. */
export interface Shown {
  readonly position: string
  readonly text: string
  readonly at: number
}

const KEY = 'two-devices'
/** What the server forgets in a power cut: everything that came within so many milliseconds of its newest message. */
const UNSAVED_MS = 1000

/** The remote of this page. It keeps its messages over a reload, as a server does. */
export function openServer() {
  const server = memoryRemote()
  const saved: { at: number; bytes: number[] }[] = JSON.parse(localStorage.getItem(KEY) ?? '[]')
  server.replace(
    LOG,
    saved.map(({ bytes }) => Uint8Array.from(bytes)),
  )
  let times = saved.map(({ at }) => at)
  let shown: readonly Shown[] = []
  const listeners = new Set<() => void>()

  function look(): void {
    const messages = server.messages(LOG)
    times = messages.map((_, i) => times[i] ?? Date.now())
    shown = messages.map(({ position, message }, i) => ({ position, text: describe(message), at: times[i] ?? 0 }))
    localStorage.setItem(KEY, JSON.stringify(messages.map(({ message }, i) => ({ at: times[i], bytes: [...message] }))))
    for (const listener of listeners) listener()
  }
  server.device()(LOG).watch(look)

  return {
    device: server.device,
    messages: () => shown,
    subscribe(listener: () => void) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    /** Returns how many messages it has forgotten. The first one stays: a server that has nothing can't be told from another one. */
    forget(): number {
      const newest = times.at(-1) ?? 0
      const count = times.slice(1).filter((at) => at > newest - UNSAVED_MS).length
      times = times.slice(0, times.length - count)
      server.forget(LOG, count)
      look()
      return count
    },
  }
}

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
