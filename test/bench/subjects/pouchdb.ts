import PouchDB from 'pouchdb-browser'
import { evolveItem, type Item, type WorkEvent } from '../workload.ts'
import type { Subject } from './subject.ts'

const db = new PouchDB<Item>('pouchdb')
const items = new Map<string, Item>()
const revisions = new Map<string, string>()
/** The last write of each document. Writes of a document run one by one, because each names the revision before. */
const writing = new Map<string, Promise<void>>()

const apply = (event: WorkEvent): Item => {
  const item = evolveItem(items.get(event.data.id), event)
  items.set(item.id, item)
  return item
}
const withRevision = (item: Item) => {
  const revision = revisions.get(item.id)
  return { ...item, _id: item.id, ...(revision && { _rev: revision }) }
}
function keep({ _id, _rev, ...item }: Item & { _id: string; _rev: string }) {
  items.set(_id, item)
  revisions.set(_id, _rev)
}

export const subject: Subject = {
  async boot() {
    for (const { doc } of (await db.allDocs({ include_docs: true })).rows) if (doc) keep(doc)
  },
  rows: () => [...items.values()],
  write(event) {
    const item = apply(event)
    const written = (writing.get(item.id) ?? Promise.resolve()).then(async () => {
      revisions.set(item.id, (await db.put(withRevision(item))).rev)
    })
    writing.set(item.id, written)
    return written
  },
  async record(events) {
    const rows = [...new Map(events.map((event) => [event.data.id, apply(event)])).values()]
    const results = await db.bulkDocs(rows.map(withRevision))
    for (const result of results) {
      if (!('ok' in result)) throw new Error(JSON.stringify(result))
      revisions.set(result.id as string, result.rev as string)
    }
  },
  watch(id, listener) {
    db.changes({ since: 'now', live: true, include_docs: true, doc_ids: [id] }).on('change', ({ doc }) =>
      listener(doc?.title),
    )
  },
}
