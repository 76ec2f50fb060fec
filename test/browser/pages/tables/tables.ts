import { openEngine } from 'tidemark'
import { app as model, type Variant } from './model.ts'

declare global {
  interface Window {
    tables: typeof tables
  }
}

const open = (variant: Variant) =>
  openEngine(model(variant), {
    worker: () => new SharedWorker(new URL('./tables.worker.ts', import.meta.url), { type: 'module', name: variant }),
  })
let engine: Awaited<ReturnType<typeof open>>

const tables = {
  async open(variant: Variant) {
    const began = performance.now()
    engine = await open(variant)
    return performance.now() - began
  },
  close: () => engine.close(),
  status: () => ({
    sequence: engine.status.sequence,
    projected: engine.status.projected,
    worker: engine.status.worker,
  }),
  /** Milliseconds until `n` events were durable, and until they were projected too. */
  async fill(n: number, rows: number, nth: number) {
    const began = performance.now()
    for (let i = 0; i < n; i += 1000) await engine.dispatch.touch({ n: 1000, rows, nth })
    const durable = performance.now() - began
    await engine.projected()
    return { durable, projected: performance.now() - began }
  },
  /** Milliseconds until the first event of a row, until all of them, and how many there were. */
  async history(key: string, reverse = false) {
    const began = performance.now()
    let first = 0
    let events = 0
    for await (const { data } of engine.history({ table: 'items', key, reverse })) {
      if (data.id !== key) throw new Error(`of ${data.id}`)
      if (!events++) first = performance.now() - began
    }
    return { first, all: performance.now() - began, events }
  },
  touched: (key: string) => engine.read.items.get(key)?.touched,
  async segments(name: string) {
    const idb = await new Promise<IDBDatabase>((resolve) => {
      const request = indexedDB.open(`tidemark:${name}`)
      request.onsuccess = () => resolve(request.result)
    })
    const request = idb.transaction('segments').objectStore('segments').count()
    await new Promise((resolve) => (request.onsuccess = resolve))
    idb.close()
    return request.result
  },
}
window.tables = tables
