import type { Database } from '../log/database.ts'
import type { TableCheckpoint } from './tableList.ts'

/**
 * Whether the database that has this name holds rows of this log. Another log may have the name that earlier versions gave
 * (`tableDatabaseNames`). One that does not exist, and is not made here, or can't be read holds nothing.
 */
export function holdsRowsOf({ log }: Database, name: string): Promise<boolean> {
  return new Promise((resolve) => {
    const request = indexedDB.open(name)
    request.onupgradeneeded = () => request.transaction?.abort()
    request.onerror = () => resolve(false)
    request.onsuccess = () => {
      const idb = request.result
      const answer = (holds: boolean): void => {
        idb.close()
        resolve(holds)
      }
      try {
        const stored: IDBRequest<TableCheckpoint | undefined> = idb
          .transaction('checkpoint')
          .objectStore('checkpoint')
          .get(0)
        stored.onsuccess = () => answer(stored.result !== undefined && stored.result.lineage === log?.lineage)
        stored.onerror = () => answer(false)
      } catch {
        answer(false)
      }
    }
  })
}
