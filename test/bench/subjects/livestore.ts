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

const waiting: (() => void)[] = []
/** Resolves when all commits are stored: `commit` returns earlier, and the worker confirms each later. */
const stored = () => new Promise<void>((resolve) => waiting.push(resolve))
/** The status that an update brings may be older than the last commit. */
function confirm() {
  if (!store.syncStatus().isSynced) return
  for (const resolve of waiting.splice(0)) resolve()
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
      disableDevtools: true,
      confirmUnsavedChanges: false,
      // By default it sends 100 events at a time to the worker that stores them.
      params: { leaderPushBatchSize: 1000 },
    })
    // One for all: two subscribers would share the updates between them.
    store.subscribeSyncStatus(confirm)
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
