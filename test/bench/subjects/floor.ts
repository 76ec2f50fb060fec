import {
  createBareFold,
  evolveItem,
  evolveList,
  evolveTotal,
  type Item,
  type List,
  type WorkEvent,
} from '../workload.ts'
import type { Subject } from './subject.ts'

/**
 * The least work that an app with this log can do. It checks nothing, copies nothing, and allows no other writer: it leaves out what a
 * library is for, so that its cost is that of IndexedDB. It stores 500 rows or events per record, and commits each write explicitly, as one
 * relaxed transaction. Boot is one transaction that reads the pages, the checkpoint, and the events after the checkpoint.
 */
const perRecord = 500
let db: IDBDatabase
let wide = false
let head = 0
const items = new Map<string, Item>()
const lists = new Map<string, List>()
let total = 0
const channel = new BroadcastChannel('floor')
let listener: (() => void) | undefined

channel.onmessage = ({ data: { first, events } }: MessageEvent<{ first: number; events: WorkEvent[] }>) => {
  if (first !== head + 1) return
  head += events.length
  for (const event of events) fold(event)
  listener?.()
}

function fold(event: WorkEvent) {
  items.set(event.data.id, evolveItem(items.get(event.data.id), event))
  if (!wide) return
  lists.set(event.data.list, evolveList(lists.get(event.data.list), event))
  total = evolveTotal(total, event)
}

function open(): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open('floor', 1)
    request.onupgradeneeded = () => {
      for (const name of ['events', 'pages', 'lists', 'meta']) request.result.createObjectStore(name)
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

/** Appends records. The key of a record is its first sequence. */
function append(events: readonly WorkEvent[]): Promise<void> {
  const transaction = db.transaction('events', 'readwrite', { durability: 'relaxed' })
  const store = transaction.objectStore('events')
  const first = head + 1
  if (events.length <= perRecord) store.add(events, first)
  else for (let i = 0; i < events.length; i += perRecord) store.add(events.slice(i, i + perRecord), first + i)
  transaction.commit()
  head += events.length
  for (const event of events) fold(event)
  return done(transaction).then(() => channel.postMessage({ first, events }))
}

/** Writes every page. The floor does not track changes, so it writes them once, at the end. */
function flush(): Promise<void> {
  const transaction = db.transaction(['pages', 'lists', 'meta'], 'readwrite', { durability: 'relaxed' })
  const pages = (name: string, rows: unknown[]) => {
    for (let i = 0; i < rows.length; i += perRecord)
      transaction.objectStore(name).put(rows.slice(i, i + perRecord), i / perRecord)
  }
  pages('pages', [...items.values()])
  if (wide) pages('lists', [...lists.values()])
  transaction.objectStore('meta').put({ head, total }, 'checkpoint')
  transaction.commit()
  return done(transaction)
}

export const subject: Subject = {
  database: 'floor',
  async boot(options) {
    wide = options.wide
    db = await open()
    await new Promise<void>((resolve, reject) => {
      const transaction = db.transaction(['meta', 'pages', 'lists', 'events'], 'readonly')
      const checkpoint = transaction.objectStore('meta').get('checkpoint')
      let tail: IDBRequest<WorkEvent[][]>
      checkpoint.onsuccess = () => {
        head = checkpoint.result?.head ?? 0
        total = checkpoint.result?.total ?? 0
        tail = transaction.objectStore('events').getAll(IDBKeyRange.lowerBound(head, true))
      }
      const pages = transaction.objectStore('pages').getAll() as IDBRequest<Item[][]>
      pages.onsuccess = () => {
        for (const page of pages.result) for (const row of page) items.set(row.id, row)
      }
      if (wide) {
        const pages = transaction.objectStore('lists').getAll() as IDBRequest<List[][]>
        pages.onsuccess = () => {
          for (const page of pages.result) for (const row of page) lists.set(row.id, row)
        }
      }
      transaction.oncomplete = () => {
        for (const record of tail.result) {
          head += record.length
          for (const event of record) fold(event)
        }
        resolve()
      }
      transaction.onabort = () => reject(transaction.error)
    })
  },
  rows: () => [...items.values()],
  write: (event) => append([event]),
  record: append,
  watch(id, onTitle) {
    listener = () => onTitle(items.get(id)?.title)
  },
  settle: flush,
  extras: {
    /** Writes all events of a burst as one record. The goal of a burst is a ratio to this time. */
    async packed(events: readonly WorkEvent[]) {
      const from = performance.now()
      const transaction = db.transaction('events', 'readwrite', { durability: 'relaxed' })
      transaction.objectStore('events').add(events, head + 1)
      transaction.commit()
      head += events.length
      for (const event of events) fold(event)
      await done(transaction)
      return performance.now() - from
    },
    /** Reads every event and folds it in a loop: the least work of a rebuild. */
    async readAndFold() {
      const from = performance.now()
      const fold = createBareFold()
      for (let first = 1; first <= head; ) {
        const records = await new Promise<WorkEvent[][]>((resolve, reject) => {
          const request = db.transaction('events').objectStore('events').getAll(IDBKeyRange.lowerBound(first), 20)
          request.onsuccess = () => resolve(request.result)
          request.onerror = () => reject(request.error)
        })
        for (const record of records) {
          first += record.length
          for (const event of record) fold.apply(event)
        }
      }
      return { ms: performance.now() - from, rows: fold.items.size }
    },
  },
}
