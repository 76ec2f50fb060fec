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
  /** Tabs that hold a pipeline; '' stands for one that did not say which. */
  const holders = new Map<string, Set<string>>()
  const ports = new Map<string, Map<string, MessagePort>>()

  function hold(engine: string, holder: string): void {
    const all = holders.get(engine) ?? new Set()
    holders.set(engine, all)
    if (all.has(holder)) return
    all.add(holder)
    // There is no event for a tab that dies: it holds a lock while it lives.
    if (holder)
      globalThis.navigator?.locks
        ?.request(lockName('holder', holder), { mode: 'shared' }, () => letGo(engine, holder))
        .catch(() => {})
  }

  function letGo(engine: string, holder: string): void {
    const all = holders.get(engine)
    if (!all?.delete(holder)) return
    if (!all.size) holders.delete(engine)
    ports.get(engine)?.get(holder)?.close()
    ports.get(engine)?.delete(holder)
    left(engine)
  }

  return {
    welcome(engine, holder, port) {
      hold(engine, holder)
      if (port) ports.set(engine, (ports.get(engine) ?? new Map()).set(holder, port))
    },
    letGo,
    has: (engine) => holders.has(engine),
    portsOf: (engine) => ({ [Symbol.iterator]: () => (ports.get(engine) ?? new Map()).values() }),
  }
}
