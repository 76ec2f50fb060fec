import { lockName } from '../locks.ts'

/** The tabs that a host works for, by engine. */
export interface Guests {
  /** Adds a tab. A tab that says hello again may bring a new port. */
  welcome(engine: string, holder: string, port: MessagePort | undefined): void
  /** Removes a tab and closes its port. */
  letGo(engine: string, holder: string): void
  has(engine: string): boolean
  /** The ports in the order of the tabs' hellos. Each iteration sees the tabs of that moment. */
  portsOf(engine: string): Iterable<MessagePort>
}

/** `onLeft` is called after a tab was removed. */
export function createGuests(onLeft: (engine: string) => void): Guests {
  /** For each engine, its tabs by holder id, with their ports if they have one. '' is a tab that gave no holder id. */
  const guests = new Map<string, Map<string, MessagePort | undefined>>()

  function letGo(engine: string, holder: string): void {
    const all = guests.get(engine)
    if (!all?.has(holder)) return
    all.get(holder)?.close()
    all.delete(holder)
    if (!all.size) guests.delete(engine)
    onLeft(engine)
  }

  return {
    welcome(engine, holder, port) {
      const all = guests.get(engine) ?? new Map()
      guests.set(engine, all)
      const isKnown = all.has(holder)
      if (port || !isKnown) all.set(holder, port)
      // There is no event for a tab that dies. It holds a lock while it lives, so this request is granted when it is
      // gone.
      if (holder && !isKnown)
        globalThis.navigator?.locks
          ?.request(lockName('holder', holder), { mode: 'shared' }, () => letGo(engine, holder))
          .catch(() => {})
    },
    letGo,
    has: (engine) => guests.has(engine),
    portsOf: (engine) => ({
      *[Symbol.iterator]() {
        for (const port of guests.get(engine)?.values() ?? []) if (port) yield port
      },
    }),
  }
}
