import { openEngine } from 'tidemark'
import { natsRemote } from 'tidemark/nats'
import { model } from './model.ts'

const opened = (options: Parameters<typeof openEngine>[1]) => openEngine(model, options)
type Opened = Awaited<ReturnType<typeof opened>>
const engines = new Map<string, Opened>()
const now = (): number => performance.timeOrigin + performance.now()
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))
const engine = (name: string): Opened => engines.get(name) as Opened

/** The time at which each number was first seen, in milliseconds. */
const seen = new Map<number, number>()

const figures = {
  /** Opens a log, with a remote at this address or without one. Returns the milliseconds that it took. */
  async open(name: string, servers = ''): Promise<number> {
    const from = performance.now()
    const engine = await opened({
      name,
      mirror: false,
      ...(servers && { remote: natsRemote({ servers }) }),
      worker: () => new SharedWorker(new URL('./worker.ts', import.meta.url), { type: 'module', name: servers }),
    })
    const took = performance.now() - from
    engines.set(name, engine)
    return took
  },
  close: async (name: string): Promise<void> => {
    await engine(name).close()
    engines.delete(name)
  },
  status: (name: string) => {
    const { sequence, pending, worker, sync } = engine(name).status
    return { sequence, pending, worker, sync }
  },
  async until(name: string, sequence: number): Promise<number> {
    const from = performance.now()
    while (engine(name).status.sequence < sequence || engine(name).status.sync?.pending) await sleep(5)
    return performance.now() - from
  },
  rows: (name: string): number => engine(name).read.rows.size,

  /** Sends commands one by one. Returns the milliseconds of each. */
  async writes(name: string, count: number): Promise<number[]> {
    const times: number[] = []
    for (let n = 0; n < count; n++) {
      const from = performance.now()
      await engine(name).dispatch.put({ id: `row ${n % 100}`, n })
      times.push(performance.now() - from)
    }
    return times
  },
  /** Sends commands, a thousand at once. */
  async burst(name: string, count: number): Promise<void> {
    for (let n = 0; n < count; n += 1000)
      await Promise.all(
        Array.from({ length: Math.min(1000, count - n) }, (_, i) =>
          engine(name).dispatch.put({ id: `row ${(n + i) % 1000}`, n: n + i }),
        ),
      )
  },
  async fill(name: string, count: number): Promise<void> {
    for (let from = 0; from < count; from += 1000)
      await engine(name).dispatch.fill({ from, count: Math.min(1000, count - from) })
  },

  /** Records when this tab sees each number of the row, from now on. */
  watch(name: string, row: string): void {
    seen.clear()
    engine(name).subscribe(() => {
      const found = engine(name).read.rows.get(row)
      if (found && !seen.has(found.n)) seen.set(found.n, now())
    })
  },
  seen: (): [number, number][] => [...seen],
  /** Writes a number every `every` milliseconds. Returns when each was dispatched. */
  async send(name: string, row: string, count: number, every: number): Promise<[number, number][]> {
    const times: [number, number][] = []
    for (let n = 1; n <= count; n++) {
      times.push([n, now()])
      void engine(name).dispatch.put({ id: row, n })
      await sleep(every)
    }
    return times
  },
  /** The number of records in the outbox. A packed outbox has few. */
  async records(name: string): Promise<number> {
    const request = indexedDB.open(`tidemark:${name}`)
    const db = await new Promise<IDBDatabase>((resolve) => {
      request.onsuccess = () => resolve(request.result)
    })
    const count = db.transaction('outbox').objectStore('outbox').count(IDBKeyRange.lowerBound(0))
    await new Promise((resolve) => {
      count.onsuccess = resolve
    })
    db.close()
    return count.result
  },
}

Object.assign(globalThis, { figures })
