import { openEngine } from 'tidemark'
import { threadsApp } from '../../../demo/threads/model/threadsApp.ts'
import { type AnyModel, onDiskFolds } from '../../../src/model/model.ts'
import type { Subject } from './subject.ts'
import { fill, rowsOf, tables, unused } from './threads.rows.ts'

/**
 * The least work that an app with these rows and this log can do, as in `floor.ts`. Boot is one transaction that reads the pages, the
 * checkpoint, and the events after the checkpoint. The transcripts and their words are stored but not read, because the time in which a
 * browser opens a database depends on everything in it.
 */
const perRecord = 500
/** Tables that stay on disk, with a record for each row. */
const onDisk = ['transcripts', 'words'] as const
const rows = new Map<string, Map<string, object>>(tables.map((name) => [name, new Map()]))
let settings: unknown
let head = 0
let db: IDBDatabase

function open(): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open('threads-floor', 1)
    request.onupgradeneeded = () => {
      for (const name of ['events', 'meta', ...tables, ...onDisk]) request.result.createObjectStore(name)
    }
    request.onsuccess = () => resolve(request.result)
    request.onerror = () => reject(request.error)
  })
}

function done(transaction: IDBTransaction): Promise<void> {
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve()
    transaction.onabort = () => reject(transaction.error)
  })
}

/** Writes all rows or events into a store, 500 per record. */
async function store(name: string, all: readonly object[]): Promise<void> {
  const transaction = db.transaction(name, 'readwrite', { durability: 'relaxed' })
  for (let i = 0; i < all.length; i += perRecord)
    transaction.objectStore(name).put(all.slice(i, i + perRecord), i / perRecord)
  await done(transaction)
}

async function storeEach(name: string, slots: Iterable<{ readonly key: string | number; readonly row: unknown }>) {
  const transaction = db.transaction(name, 'readwrite', { durability: 'relaxed' })
  for (const { key, row } of slots) transaction.objectStore(name).put(row, key)
  await done(transaction)
}

export const subject: Subject = {
  database: 'threads-floor',
  async boot() {
    db = await open()
    const transaction = db.transaction(['meta', 'events', ...tables], 'readonly')
    const checkpoint = transaction.objectStore('meta').get('checkpoint')
    let tail: IDBRequest<object[][]>
    checkpoint.onsuccess = () => {
      head = checkpoint.result?.head ?? 0
      settings = checkpoint.result?.settings
      tail = transaction.objectStore('events').getAll(IDBKeyRange.lowerBound(Math.ceil(head / perRecord)))
    }
    for (const name of tables) {
      const pages = transaction.objectStore(name).getAll() as IDBRequest<{ id: string }[][]>
      pages.onsuccess = () => {
        const table = rows.get(name)!
        for (const page of pages.result) for (const row of page) table.set(row.id, row)
      }
    }
    await done(transaction)
    for (const record of tail!.result) head += record.length
  },
  extras: {
    /** Stores the rows and events of the demo, which an engine in memory computes. */
    async fill(threads: number) {
      const engine = await openEngine(threadsApp, { storage: 'memory' })
      await fill(engine, threads)
      const events: object[] = []
      // The type of the parameter does not name the app's events.
      const folds = onDiskFolds(threadsApp as unknown as AnyModel)
      for await (const event of engine.history()) {
        events.push(event)
        for (const fold of folds) fold.apply(event)
      }
      for (const fold of folds) await storeEach(fold.name, fold.slots)
      await store('events', events)
      const all = rowsOf(engine.read)
      for (const name of tables) await store(name, all[name])
      const transaction = db.transaction('meta', 'readwrite', { durability: 'relaxed' })
      const checkpoint = { head: events.length, settings: engine.read.settings.value }
      transaction.objectStore('meta').put(checkpoint, 'checkpoint')
      await done(transaction)
      await engine.close()
    },
    counts: async () => ({
      events: head,
      rows: tables.map((name) => rows.get(name)!.size).join(),
      settings: settings !== undefined,
    }),
  },
  rows: unused,
  write: unused,
  record: unused,
  watch: unused,
}
