import { lockName } from '../locks.ts'

/** The tabs that a host works for, by engine. */
export interface Guests {
  /** A tab that is known already may bring another port. */
  welcome(engine: string, holder: string, port: MessagePort | undefined): void
  letGo(engine: string, holder: string): void
  has(engine: string): boolean
  /** In the order of their hellos, as they are at each iteration. */
  portsOf(engine: string): Iterable<MessagePort>
}

/** `left`: told of each tab that is gone. */
export function createGuests(left: (engine: string) => void): Guests {
  /** Of each log, the tabs that hold its pipeline, with the port of each if it has one. '' stands for a tab that did not say which it is. */
  const guests = new Map<string, Map<string, MessagePort | undefined>>()

  function letGo(engine: string, holder: string): void {
    const all = guests.get(engine)
    if (!all?.has(holder)) return
    all.get(holder)?.close()
    all.delete(holder)
    if (!all.size) guests.delete(engine)
    left(engine)
  }

  return {
    welcome(engine, holder, port) {
      const all = guests.get(engine) ?? new Map()
      guests.set(engine, all)
      const isKnown = all.has(holder)
      if (port || !isKnown) all.set(holder, port)
      // There is no event for a tab that dies: it holds a lock while it lives.
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
