import { makePersistedAdapter } from '@livestore/adapter-web'
import LiveStoreSharedWorker from '@livestore/adapter-web/shared-worker?sharedworker'
import { createStorePromise, queryDb, type Store } from '@livestore/livestore'
import type { Item, WorkEvent } from '../workload.ts'
import { events, schema, tables } from './livestore.schema.ts'
import LiveStoreWorker from './livestore.worker.ts?worker'
import type { Subject } from './subject.ts'

let store: Store<typeof schema>
const all = queryDb(tables.items)

const made = (event: WorkEvent) =>
  event.type === 'itemAdded' ? events.itemAdded(event.data) : events.itemChanged(event.data)

/** Waits until all commits are stored: `commit` returns earlier, and the worker confirms each later. */
async function stored(): Promise<void> {
  while (!store.syncStatus().isSynced) await new Promise((resolve) => setTimeout(resolve))
}

export const subject: Subject = {
  async boot() {
    store = await createStorePromise({
      adapter: makePersistedAdapter({
        storage: { type: 'opfs' },
        worker: LiveStoreWorker,
        sharedWorker: LiveStoreSharedWorker,
      }),
      schema,
      storeId: 'bench',
    })
    store.query(all)
  },
  rows: () => store.query(all) as readonly Item[],
  write(event) {
    store.commit(made(event))
    return stored()
  },
  record(batch) {
    store.commit(...batch.map(made))
    return stored()
  },
  watch(id, listener) {
    store.subscribe(queryDb(tables.items.where({ id })), ([item]) => listener(item?.title))
  },
}
