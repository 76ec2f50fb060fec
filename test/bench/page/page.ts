import { subject } from '#subject'
import { change, eventsBetween, idOf, listOf, titleOf } from '../workload.ts'

const started = performance.now()
const options = new URLSearchParams(location.search)
const wide = options.get('wide') === '1'
const indexed = options.get('indexed') === '1'
const projections = Number(options.get('projections') ?? 1)
const now = () => performance.timeOrigin + performance.now()
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

const changes = (count: number, rows: number, seed: number) =>
  Array.from({ length: count }, (_, n) => {
    const row = (seed + n * 31) % rows
    return change(idOf(row), listOf(row), titleOf(seed + n))
  })

async function boot() {
  await subject.boot({ wide, indexed, projections })
  const ready = performance.now()
  return { script: ready - started, navigation: ready }
}

const commands = {
  // The browser's driver waits for this message. If it evaluated code before, the boot would wait for that code.
  booted: options.has('boot') ? boot().finally(() => console.info('booted')) : undefined,

  async check() {
    const from = performance.now()
    const rows = await subject.rows()
    let changes = 0
    for (const row of rows) changes += row.changes
    return { rows: rows.length, changes, ms: performance.now() - from }
  },

  /**
   * Records a range of the workload. It makes the events of each commit just before the commit, as an app does. With `perCommit` 1 it sends a
   * thousand commands at once. With 0 it sends a command when the previous one is durable, so that each command is a record by itself.
   */
  async record(from: number, to: number, rows: number, perCommit = 1000) {
    const started = performance.now()
    if (perCommit === 0) for (const event of eventsBetween(from, to, rows)) await subject.write(event)
    else if (perCommit > 1)
      for (let n = from; n < to; n += perCommit)
        await subject.record(eventsBetween(n, Math.min(n + perCommit, to), rows))
    else
      for (let n = from; n < to; n += 1000)
        await Promise.all(eventsBetween(n, Math.min(n + 1000, to), rows).map((event) => subject.write(event)))
    return performance.now() - started
  },

  async settle() {
    const from = performance.now()
    await subject.settle?.()
    return performance.now() - from
  },

  async writes(count: number, rows: number, seed: number) {
    const times: number[] = []
    for (const event of changes(count, rows, seed)) {
      const from = performance.now()
      await subject.write(event)
      times.push(performance.now() - from)
    }
    return times
  },

  async burst(count: number, rows: number, seed: number) {
    const writes = changes(count, rows, seed)
    const from = performance.now()
    await Promise.all(writes.map((event) => subject.write(event)))
    return performance.now() - from
  },

  packed: (count: number, rows: number, seed: number) => subject.extras?.packed?.(changes(count, rows, seed)),

  /** The receiving side of `send`: posts each title of the row, and when this tab saw it. */
  listen(row: number) {
    const channel = new BroadcastChannel('bench')
    subject.watch(idOf(row), (title) => channel.postMessage({ title, at: now() }))
  },
  async send(row: number, count: number, limit: number) {
    const channel = new BroadcastChannel('bench')
    const times: number[] = []
    for (let n = 0; n < count; n++) {
      const title = `${titleOf(n)} ${crypto.randomUUID()}`
      const seen = new Promise<number>((resolve) => {
        channel.onmessage = ({ data }) => data.title === title && resolve(data.at)
        setTimeout(resolve, limit, Number.NaN)
      })
      const from = now()
      void subject.write(change(idOf(row), listOf(row), title))
      times.push((await seen) - from)
      await pause(15)
    }
    channel.close()
    return times
  },

  /** The time to open the database without the subject. */
  async open(database = subject.database) {
    if (!database) return Number.NaN
    const from = performance.now()
    const request = indexedDB.open(database)
    await new Promise((resolve, reject) => {
      request.onsuccess = resolve
      request.onerror = () => reject(request.error)
    })
    const ms = performance.now() - from
    request.result.close()
    return ms
  },

  /** Writes random bytes to a database that is no subject's, in records of 16 kB. */
  async write(records: number) {
    const opened = indexedDB.open('bench', 1)
    opened.onupgradeneeded = () => opened.result.createObjectStore('bytes')
    await new Promise((resolve) => (opened.onsuccess = resolve))
    for (let n = 0; n < records; n++) {
      const transaction = opened.result.transaction('bytes', 'readwrite')
      transaction.objectStore('bytes').put(crypto.getRandomValues(new Uint8Array(16_000)), 0)
      await new Promise((resolve) => (transaction.oncomplete = resolve))
    }
    opened.result.close()
  },

  extra: (name: string, ...args: unknown[]) => subject.extras?.[name]?.(...args),
  has: (name: string) => subject.extras?.[name] !== undefined,
}

declare global {
  var bench: typeof commands
}
globalThis.bench = commands
