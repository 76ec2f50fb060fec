import { evolveItem, type Item, type WorkEvent } from '../workload.ts'
import type { Subject } from './subject.ts'

/** The reference for stored bytes: an IndexedDB record per event, with the fields that an event log needs. */
let db: IDBDatabase
let head = 0
const items = new Map<string, Item>()

export const subject: Subject = {
  async boot() {
    db = await new Promise((resolve, reject) => {
      const request = indexedDB.open('row-per-event', 1)
      request.onupgradeneeded = () => request.result.createObjectStore('events', { keyPath: 'sequence' })
      request.onsuccess = () => resolve(request.result)
      request.onerror = () => reject(request.error)
    })
  },
  rows: () => [...items.values()],
  write: (event) => subject.record([event]),
  record: (events: readonly WorkEvent[]) =>
    new Promise<void>((resolve, reject) => {
      const transaction = db.transaction('events', 'readwrite', { durability: 'relaxed' })
      const commandId = crypto.randomUUID()
      for (const event of events) {
        transaction.objectStore('events').add({
          sequence: ++head,
          ...event,
          at: Date.now(),
          commandId: events.length > 1 ? commandId : crypto.randomUUID(),
        })
        items.set(event.data.id, evolveItem(items.get(event.data.id), event))
      }
      transaction.oncomplete = () => resolve()
      transaction.onabort = () => reject(transaction.error)
    }),
  // Never called: this subject only fills a disk.
  watch() {},
}
