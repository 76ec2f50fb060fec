import { openEngine } from 'tidemark'
import { at, openTable } from 'tidemark/tools'
import { archive, app as model, type Variant } from './model.ts'

declare global {
  interface Window {
    tables: typeof tables
  }
}

const worker = (name: Variant) => () =>
  new SharedWorker(new URL('./tables.worker.ts', import.meta.url), { type: 'module', name })
const open = (variant: Exclude<Variant, 'disk'>) => openEngine(model(variant), { worker: worker(variant) })
const openArchive = (name: string) => openEngine(archive, { name, worker: worker('disk') })
let engine: Awaited<ReturnType<typeof open>>
let shelf: Awaited<ReturnType<typeof openArchive>>

/** Requests of this page, by store. */
const requests: string[] = []
for (const method of ['get', 'getKey', 'getAll', 'openCursor', 'openKeyCursor', 'add', 'put'] as const) {
  const native = IDBObjectStore.prototype[method] as (...given: unknown[]) => IDBRequest
  IDBObjectStore.prototype[method] = function (this: IDBObjectStore, ...given: unknown[]) {
    requests.push(`${method} ${this.name}`)
    return native.apply(this, given)
  }
}
const median = (all: number[]) => all.sort((a, b) => a - b)[all.length >> 1] as number

const tables = {
  async open(variant: Exclude<Variant, 'disk'>) {
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
  async fill(n: number, rows: number, nth: number, perCommit = 1000) {
    const began = performance.now()
    for (let i = 0; i < n; i += perCommit) await engine.dispatch.touch({ n: perCommit, rows, nth })
    const durable = performance.now() - began
    await engine.projected()
    return { durable, projected: performance.now() - began }
  },
  /** Milliseconds until the first event of a row, until all of them, and how many there were. */
  async history(key: string, reverse = false) {
    requests.length = 0
    const began = performance.now()
    let first = 0
    let events = 0
    for await (const { data } of engine.history({ table: 'items', key, reverse })) {
      if (data.id !== key) throw new Error(`of ${data.id}`)
      if (!events++) first = performance.now() - began
    }
    return {
      first,
      all: performance.now() - began,
      events,
      bodies: requests.filter((one) => one === 'get bodies').length,
    }
  },
  /** Milliseconds of a first look, and of steps back and forward again from there; what they asked of IndexedDB, and the longest task. */
  async past(sequence: number, steps: number) {
    const tasks: number[] = []
    const observer = new PerformanceObserver((list) => tasks.push(...list.getEntries().map(({ duration }) => duration)))
    observer.observe({ type: 'longtask' })
    requests.length = 0
    const began = performance.now()
    const past = await at(engine, sequence)
    const first = performance.now() - began
    const read = requests.splice(0)
    if (past.read.count.value !== sequence) throw new Error(`shows ${past.read.count.value}`)
    const took: number[] = []
    for (let i = 0; i < 2 * steps; i++) {
      const next = past.sequence + (i < steps ? -1 : 1)
      const began = performance.now()
      await past.move(next)
      took.push(performance.now() - began)
      if (past.read.count.value !== next) throw new Error(`shows ${past.read.count.value} instead of ${next}`)
    }
    await new Promise((resolve) => setTimeout(resolve, 100))
    observer.disconnect()
    return {
      first,
      read,
      longest: Math.max(...took),
      asked: requests.length,
      task: Math.max(0, ...tasks),
    }
  },
  async openArchive(name: string) {
    requests.length = 0
    const began = performance.now()
    shelf = await openArchive(name)
    return { took: performance.now() - began, requests: [...requests] }
  },
  closeArchive: () => shelf.close(),
  archived: () => shelf.status,
  /** Files until there are `n`, and waits until all of them are on disk. */
  async file(n: number, folders: number) {
    while (shelf.read.count.value < n) await shelf.dispatch.file({ n: 1000, folders })
    const began = performance.now()
    await shelf.projected()
    return performance.now() - began
  },
  async move(id: number, folder: number) {
    const { sequence } = await shelf.dispatch.move({ id, folder })
    await shelf.projected(sequence)
  },
  /** The rows of some folders by the index: how many they are, and the median of the milliseconds that each query took. */
  async folders(...numbers: number[]) {
    const documents = await openTable(shelf, 'documents')
    const found: number[] = []
    const took: number[] = []
    for (const folder of numbers) {
      const began = performance.now()
      found.push((await documents.where('folder').equals(folder).toArray()).length)
      took.push(performance.now() - began)
    }
    return { found, took: median(took), rows: await documents.count() }
  },
  /** What became of a rebuild: milliseconds until the first progress and to the end, the longest task meanwhile, what was told. */
  async rebuild(killAt = Infinity) {
    const told: number[] = []
    const tasks: number[] = []
    const observer = new PerformanceObserver((list) => tasks.push(...list.getEntries().map(({ duration }) => duration)))
    observer.observe({ type: 'longtask' })
    const began = performance.now()
    let first = 0
    let killed = -1
    await engine.rebuild({
      onProgress({ done, total }) {
        first ||= performance.now() - began
        told.push(done)
        if (killed >= 0 || done < killAt * total || done === total) return
        killed = told.length
        new BroadcastChannel('worker').postMessage('die')
      },
    })
    const took = performance.now() - began
    await new Promise((resolve) => setTimeout(resolve, 100))
    observer.disconnect()
    return { first, took, longest: Math.max(0, ...tasks), told, killed }
  },
  /** All rows, as a short text. */
  async rows() {
    const text = JSON.stringify([engine.read.items.all(), engine.read.groups.all(), engine.read.count.value])
    const bytes = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text))
    return Array.from(new Uint8Array(bytes), (byte) => byte.toString(16)).join('')
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
