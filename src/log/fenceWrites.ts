import type { Database, StoreName } from './database.ts'

/**
 * The database for a writer that may be replaced at any moment, even while the connection is reopened. Once `ended` has aborted, each
 * readwrite transaction on the store `fence` throws.
 */
export const fenceWrites = (database: Database, ended: AbortSignal, fence: StoreName): Database =>
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
