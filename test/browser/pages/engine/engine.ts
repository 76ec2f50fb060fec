import { wrap } from 'comlink'
import { openEngine } from 'tidemark'
import { app as model, type Note, type Writer } from './model.ts'

interface Request {
  readonly store: string
  readonly method: string
  readonly from: unknown
  readonly results: number
}
declare global {
  interface Window {
    /** What the page asked of the browser; counted by index.html before any module ran. */
    probe: {
      requests: Request[]
      connections: number
      channels: number
      ports: number
      workers: number
      opened: number
      /** Of the window. */
      listeners: number
      /** Closes every IndexedDB connection of the page. */
      disconnect(): void
    }
    app: typeof app
  }
}

const workers = {
  shared: () => new SharedWorker(new URL('./engine.worker.ts', import.meta.url), { type: 'module' }),
  dying: () => new SharedWorker(new URL('./dying.worker.ts', import.meta.url), { type: 'module' }),
  bare: () => new SharedWorker(new URL('./bare.worker.ts', import.meta.url), { type: 'module' }),
}
interface Options {
  readonly name: string
  /** One of ours, a path on the server, or none. */
  readonly worker?: string
}
const open = ({ name, worker = 'shared' }: Options) =>
  openEngine(model, {
    name,
    ...(new URLSearchParams(location.search).get('mirror') === 'off' && { mirror: false }),
    worker: workers[worker as 'shared'] ?? (() => new SharedWorker(worker, { type: 'module' })),
  })

type Engine = Awaited<ReturnType<typeof open>>
let engine: Engine
let opened: string
let writing = false

const plain = (error: unknown) => {
  const { name, message, kind, reason, code, cause } = error as Record<string, string | undefined>
  return { name, message, kind, reason, code, cause: cause === undefined ? undefined : `${cause}` }
}
const ask = <T>(request: IDBRequest<T>) =>
  new Promise<T>((resolve, reject) => {
    request.onsuccess = () => resolve(request.result)
    request.onerror = () => reject(request.error)
  })

/** By hand, so that nothing of the library is trusted: events 1..to folded into plain arrays. */
const foldOf = (all: readonly { type: string; data: any }[]) => {
  const notes = new Map<string, Note>()
  const writers = new Map<string, Writer>()
  let total = 0
  for (const { type, data } of all) {
    const { id, text, by } = data
    const note = notes.get(id)
    if (type === 'noteAdded') {
      notes.set(id, { id, text, by, edits: 0 })
      writers.set(by, { by, notes: (writers.get(by)?.notes ?? 0) + 1, last: id })
      total++
    } else if (type === 'noteEdited' && note) notes.set(id, { ...note, text, edits: note.edits + 1 })
    else if (type === 'noteRemoved') notes.delete(id)
    else if (type === 'cleared') for (const one of [...notes.values()]) if (one.by === by) notes.delete(one.id)
  }
  return { notes: [...notes.values()], writers: [...writers.values()], total }
}

const openPlain = () => {
  const opening = indexedDB.open('plain', 1)
  opening.onupgradeneeded = () => opening.result.createObjectStore('log')
  return ask(opening)
}

const app = {
  /** What it took until the engine was there, and what it asked of IndexedDB meanwhile. */
  async open(options: Options) {
    const seen = window.probe?.requests.length ?? 0
    const began = performance.now()
    engine = await open(options)
    opened = options.name
    const took = performance.now() - began
    return { took, requests: window.probe?.requests.slice(seen) ?? [], sequence: engine.status.sequence }
  },
  close: () => engine.close(),
  status() {
    const { lastError, projections, ...rest } = engine.status
    return { ...rest, lastError: lastError && plain(lastError), notes: projections.notes }
  },
  projected: () => engine.projected(),
  rebuild: () => engine.rebuild(),
  /** In order of insertion, as pages see it. */
  shown: () => ({
    notes: engine.read.notes.all(),
    writers: engine.read.writers.all(),
    total: engine.read.total.value,
  }),
  async log() {
    const all = []
    for await (const { sequence, type, data, commandId } of engine.history())
      all.push({ sequence, type, data: data as any, commandId })
    return all
  },
  /** The log folded from zero, by hand. */
  folded: async (to = Infinity) => foldOf((await app.log()).filter(({ sequence }) => sequence <= to)),
  /** What stands in the database, read without the library. */
  async stored(name: string) {
    const opening = indexedDB.open(`tidemark:${name}`)
    opening.onupgradeneeded = () => opening.transaction?.abort()
    const idb = await ask(opening)
    const transaction = idb.transaction(['commits', 'segments', 'pages', 'checkpoints'])
    const all = <T>(store: string) => ask<T[]>(transaction.objectStore(store).getAll())
    const [commits, segments, checkpoints, pages, keys] = await Promise.all([
      all<{ first: number; last: number }>('commits'),
      all<{ first: number; last: number }>('segments'),
      all<{ identity: string; build: string; sequence: number }>('checkpoints'),
      all<{ page: number; rows: unknown[] }>('pages'),
      ask(transaction.objectStore('pages').getAllKeys()),
    ])
    idb.close()
    const rows = (identity: string) =>
      pages.filter((_, i) => (keys[i] as string[])[0] === identity).flatMap(({ rows }) => rows)
    const projections = Object.fromEntries(
      checkpoints.map(({ identity, sequence }) => [identity.split('@')[0], { sequence, rows: rows(identity) }]),
    )
    return { commits: commits.map(({ first, last }) => ({ first, last })), segments: segments.length, projections }
  },

  add: async (text: string, by = 'me') => (await engine.dispatch.add({ text, by })).sequence,
  addMany: async (n: number, by = 'me') => (await engine.dispatch.addMany({ n, by })).sequence,
  addOnce: async (id: string, commandId?: string) => {
    const { sequence, duplicate } = await engine.dispatch.addOnce({ id, text: id }, commandId ? { commandId } : {})
    return { sequence, duplicate }
  },
  async edit(id: string, text: string) {
    return (await engine.dispatch.edit({ id, text })).sequence
  },
  async remove(id: string) {
    return (await engine.dispatch.remove({ id })).sequence
  },
  clear: async (by: string) => (await engine.dispatch.clear({ by })).sequence,
  /** Many events, few rows: a new note, and commits of `n` edits of it. */
  async editOften(commits: number, n: number) {
    await engine.dispatch.add({ text: 'often', id: 'often' })
    for (let i = 0; i < commits; i++) await engine.dispatch.editMany({ id: 'often', n })
    await engine.projected()
  },
  /** `n` commands in one tick. */
  async burst(n: number, by: string) {
    const answers = Array.from({ length: n }, () => engine.dispatch.addNumbered({ by }))
    return (await Promise.all(answers)).map(({ sequence }) => sequence)
  },
  /** What `read` shows in the tick of the call, before anything could be answered. */
  optimistic() {
    const before = engine.read.total.value
    const answer = engine.dispatch.add({ text: 'at once', id: 'at-once' })
    const now = { total: engine.read.total.value - before, text: engine.read.notes.get('at-once')?.text }
    return answer.then(({ sequence }) => ({ ...now, sequence }))
  },
  /** Writes back to back until `ms` have passed; how long each took. */
  async write(ms: number, by: string, slow = 0) {
    const took: number[] = []
    for (const end = performance.now() + ms; performance.now() < end; ) {
      const began = performance.now()
      if (slow) await engine.dispatch.addSlowly({ ms: slow, by })
      else await engine.dispatch.add({ text: 'x', by })
      took.push(performance.now() - began)
    }
    return took
  },
  /** `n` commands back to back: how long each took, and how often it was appended: two lost races at most, then no more. */
  async writeEach(n: number, by: string, slow = 0) {
    const { requests } = window.probe
    const took: number[] = []
    const attempts: number[] = []
    for (let i = 0; i < n; i++) {
      const [began, asked] = [performance.now(), requests.length]
      if (slow) await engine.dispatch.addSlowly({ ms: slow, by })
      else await engine.dispatch.add({ text: 'x', by })
      took.push(performance.now() - began)
      attempts.push(requests.slice(asked).filter(({ store, method }) => store === 'commits' && method === 'add').length)
    }
    return { took, attempts }
  },
  /** Commits of `n` events back to back until `stopWriting`. */
  async keepWriting(n: number, by: string) {
    for (writing = true; writing; ) await engine.dispatch.addMany({ n, by })
  },
  stopWriting() {
    writing = false
  },
  /** Writes until the end, single commands and large ones; what is acknowledged is told to the server. */
  storm(by: string) {
    let told: [id: string, sequence: number, of: number][] = []
    setInterval(() => {
      if (told.length)
        void fetch('/acknowledged', { method: 'POST', body: JSON.stringify(told), keepalive: told.length < 500 })
      told = []
    }, 10)
    const one = async (n: number) => {
      const { commandId, sequence = 0 } = await engine.dispatch.addMany({ n, by })
      told.push([commandId, sequence, n])
    }
    const writer = async () => {
      for (let i = 0; ; i++)
        await Promise.all(Array.from({ length: 1 + (i % 4) }, () => one(i % 17 ? 1 + (i % 5) : 200)))
    }
    void writer()
  },
  /** The same storm without the library: one record per transaction, told once it is complete. */
  async plainStorm() {
    const idb = await openPlain()
    let n = (await ask(idb.transaction('log').objectStore('log').count())) + 1
    let told: number[] = []
    setInterval(() => {
      if (told.length) void fetch('/acknowledged-plain', { method: 'POST', body: JSON.stringify(told) })
      told = []
    }, 10)
    for (; ; n++) {
      const key = n
      await new Promise((resolve, reject) => {
        const transaction = idb.transaction('log', 'readwrite', { durability: 'relaxed' })
        transaction.objectStore('log').put({ key, text: 'x'.repeat(key % 300) }, key)
        transaction.oncomplete = resolve
        transaction.onabort = () => reject(transaction.error)
      })
      told.push(key)
    }
  },
  /** How many of its records there are; each has the number of its place. */
  async plain() {
    const idb = await openPlain()
    const count = await ask(idb.transaction('log').objectStore('log').count())
    idb.close()
    return count
  },
  /** The files of the mirror, and the bodies of segments in the database. */
  async mirror() {
    const hex = async (blob: Blob) =>
      [...new Uint8Array(await crypto.subtle.digest('SHA-256', await blob.arrayBuffer()))].join()
    const files: { name: string; text: string }[] = []
    const root = (await navigator.storage.getDirectory()) as FileSystemDirectoryHandle
    for await (const folder of root.values()) {
      if (folder.kind !== 'directory' || folder.name !== `tidemark-${opened}`) continue
      for await (const file of (folder as FileSystemDirectoryHandle).values())
        if (file.name.endsWith('.tidemark'))
          files.push({ name: file.name, text: await hex(await (file as FileSystemFileHandle).getFile()) })
    }
    const idb = await ask(indexedDB.open(`tidemark:${opened}`))
    const all = await ask<Uint8Array<ArrayBuffer>[]>(idb.transaction('bodies').objectStore('bodies').getAll())
    idb.close()
    return { files, bodies: await Promise.all(all.map((bytes) => hex(new Blob([bytes])))) }
  },
  /** The outcome of a dispatch, error or not. */
  attempt: (text: string) =>
    engine.dispatch.add({ text }).then(
      ({ sequence }) => ({ sequence }),
      (error) => ({ error: plain(error) }),
    ),
  attemptMany: (n: number, by = 'me') =>
    engine.dispatch.addMany({ n, by }).then(
      ({ sequence }) => ({ sequence }),
      (error) => ({ error: plain(error) }),
    ),
  killWorker() {
    const channel = new BroadcastChannel('worker')
    channel.postMessage('die')
    channel.close()
  },
  deleteDatabase: (name: string) =>
    new Promise<string>((resolve) => {
      const request = indexedDB.deleteDatabase(`tidemark:${name}`)
      request.onsuccess = () => resolve('deleted')
      request.onblocked = () => resolve('blocked')
      request.onerror = () => resolve(`${request.error}`)
    }),
  /** Opens, writes and closes again and again; what is left of it afterwards. */
  async cycles(name: string, n: number, restarts = 0) {
    const left = async () => {
      const { held = [], pending = [] } = await navigator.locks.query()
      const { connections, channels, ports, listeners } = window.probe
      // A worker holds these for as long as it lives.
      const kept = held.filter(({ name }) => !/^tidemark\/(worker|mirror|rows)\//.test(name ?? ''))
      const mine = [...kept, ...pending].filter((lock) => lock.name?.startsWith('tidemark/')).length
      return { connections, channels, ports, listeners, locks: mine }
    }
    const once = async (i: number) => {
      const one = await open({ name })
      await one.dispatch.add({ text: `${i}` })
      // Sometimes before the host was asked for, sometimes after it answered.
      if (i % 3) await new Promise((resolve) => setTimeout(resolve, i % 3 === 1 ? 0 : 20))
      await one.close()
    }
    await once(2)
    await new Promise((resolve) => setTimeout(resolve, 300))
    const before = await left()
    for (let i = 0; i < n; i++) await once(i)
    for (let i = 0; i < restarts; i++) {
      const one = await open({ name })
      const until = async (reached: () => boolean) => {
        while (!reached()) await new Promise((resolve) => setTimeout(resolve, 5))
      }
      await until(() => one.status.worker === 'shared')
      const { workers } = window.probe
      app.killWorker()
      await until(() => window.probe.workers > workers)
      await one.projected()
      await one.close()
    }
    await new Promise((resolve) => setTimeout(resolve, 300))
    return { before, after: await left() }
  },
  /** Connects to a worker, asks it and leaves, again and again, without the library. */
  async bare(n: number) {
    for (let i = 0; i < n; i++) {
      const { port } = workers.bare()
      await wrap<{ hello(): void }>(port).hello()
      port.close()
    }
  },
}
window.app = app
