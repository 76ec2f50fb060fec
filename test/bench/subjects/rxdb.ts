import { createRxDatabase, type RxCollection, type RxDocument } from 'rxdb/plugins/core'
import { getRxStorageDexie } from 'rxdb/plugins/storage-dexie'
import { evolveItem, type Item, type WorkEvent } from '../workload.ts'
import type { Subject } from './subject.ts'

const text = { type: 'string' } as const
let collection: RxCollection<Item>
const documents = new Map<string, RxDocument<Item>>()
let recorded: Map<string, Item> | undefined

export const subject: Subject = {
  async boot() {
    const db = await createRxDatabase({ name: 'rxdb', storage: getRxStorageDexie(), multiInstance: true })
    const collections = await db.addCollections({
      items: {
        schema: {
          version: 0,
          primaryKey: 'id',
          type: 'object',
          properties: {
            id: { ...text, maxLength: 20 },
            list: text,
            title: text,
            done: { type: 'boolean' },
            changes: { type: 'number' },
          },
          required: ['id', 'list', 'title', 'done', 'changes'],
        },
      },
    })
    collection = collections.items as RxCollection<Item>
    for (const document of await collection.find().exec()) documents.set(document.id, document)
  },
  rows: () => collection.find().exec(),
  async write(event) {
    const document = documents.get(event.data.id)
    if (document) await document.incrementalModify((item) => evolveItem(item, event))
    else documents.set(event.data.id, await collection.insert(evolveItem(undefined, event)))
  },
  record(events: readonly WorkEvent[]) {
    recorded ??= new Map([...documents].map(([id, document]) => [id, document.toMutableJSON()]))
    const rows = new Map<string, Item>()
    for (const event of events) {
      const item = evolveItem(recorded.get(event.data.id), event)
      recorded.set(item.id, item)
      rows.set(item.id, item)
    }
    return collection.bulkUpsert([...rows.values()])
  },
  watch(id, listener) {
    collection.findOne(id).$.subscribe((document) => listener(document?.title))
  },
}
