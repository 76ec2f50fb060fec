import { Dexie, liveQuery, type Table } from 'dexie'
import { evolveItem, type Item, type WorkEvent } from '../workload.ts'
import type { Subject } from './subject.ts'

const db = new Dexie('dexie-rows', { chromeTransactionDurability: 'relaxed' }) as Dexie & {
  events: Table<WorkEvent, number>
  items: Table<Item, string>
}
db.version(1).stores({ events: '++', items: 'id' })
const items = new Map<string, Item>()

const apply = (event: WorkEvent): Item => {
  const item = evolveItem(items.get(event.data.id), event)
  items.set(item.id, item)
  return item
}

export const subject: Subject = {
  async boot() {
    for (const item of await db.items.toArray()) items.set(item.id, item)
  },
  rows: () => [...items.values()],
  write(event) {
    const item = apply(event)
    return db.transaction('rw', db.events, db.items, () => Promise.all([db.events.add(event), db.items.put(item)]))
  },
  record(events) {
    const rows = new Map(events.map((event) => [event.data.id, apply(event)]))
    return db.transaction('rw', db.events, db.items, () =>
      Promise.all([db.events.bulkAdd(events), db.items.bulkPut([...rows.values()])]),
    )
  },
  watch(id, listener) {
    liveQuery(() => db.items.get(id)).subscribe((item) => listener(item?.title))
  },
}
