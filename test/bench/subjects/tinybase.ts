import { createStore } from 'tinybase'
import { createIndexedDbPersister } from 'tinybase/persisters/persister-indexed-db'
import { evolveItem, type Item, type WorkEvent } from '../workload.ts'
import type { Subject } from './subject.ts'

const store = createStore()
const persister = createIndexedDbPersister(store, 'tinybase')

const get = (id: string): Item | undefined =>
  store.hasRow('items', id) ? ({ id, ...store.getRow('items', id) } as unknown as Item) : undefined
function apply(event: WorkEvent) {
  const { id, ...row } = evolveItem(get(event.data.id), event)
  store.setRow('items', id, row)
}

/** A save writes the whole store; other tabs see it when they poll, once a second. */
export const subject: Subject = {
  async boot() {
    await persister.load()
  },
  rows: () => Object.entries(store.getTable('items')).map(([id, row]) => ({ id, ...row }) as unknown as Item),
  async write(event) {
    apply(event)
    await persister.save()
  },
  async record(events) {
    store.transaction(() => {
      for (const event of events) apply(event)
    })
    await persister.save()
  },
  watch(id, listener) {
    store.addRowListener('items', id, () => listener(get(id)?.title))
    void persister.startAutoLoad()
  },
}
