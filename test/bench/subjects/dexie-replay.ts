import { Dexie, liveQuery, type Table } from 'dexie'
import { evolveItem, type Item, type WorkEvent } from '../workload.ts'
import type { Subject } from './subject.ts'

interface Stored {
  readonly sequence: number
  readonly type: WorkEvent['type']
  readonly data: WorkEvent['data']
  readonly at: number
}

/** Event sourcing in its simplest form: one record per event, and every boot reads and folds all of them. */
const db = new Dexie('dexie-replay', { chromeTransactionDurability: 'relaxed' }) as Dexie & {
  events: Table<Stored, number>
}
db.version(1).stores({ events: 'sequence' })
const items = new Map<string, Item>()
let head = 0

function apply(event: WorkEvent) {
  items.set(event.data.id, evolveItem(items.get(event.data.id), event))
}
function store(event: WorkEvent): Stored {
  apply(event)
  return { sequence: ++head, ...event, at: Date.now() }
}
function applyNew(events: readonly Stored[]) {
  for (const event of events)
    if (event.sequence === head + 1) {
      apply(event as WorkEvent)
      head++
    }
}

export const subject: Subject = {
  async boot() {
    applyNew(await db.events.toArray())
  },
  rows: () => [...items.values()],
  write: (event) => db.events.add(store(event)),
  record: (events) => db.events.bulkAdd(events.map(store)),
  watch(id, listener) {
    liveQuery(() => db.events.where('sequence').above(head).toArray()).subscribe((events) => {
      applyNew(events)
      listener(items.get(id)?.title)
    })
  },
}
