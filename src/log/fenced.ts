import type { Database, StoreName } from './database.ts'

/** The database for somebody who may end at any moment, also while its connection is opened again: then nothing of this store is written. */
export const fenced = (database: Database, ended: AbortSignal, fence: StoreName): Database =>
  Object.create(database, {
    transact: {
      value: ((stores, mode, body, durability) =>
        database.transact(
          stores,
          mode,
          (store, transaction) => {
            if (mode === 'readwrite' && stores.includes(fence)) ended.throwIfAborted()
            return body(store, transaction)
          },
          durability,
        )) satisfies Database['transact'],
    },
  })
