import type { Database } from '../log/database.ts'
import type { TableCheckpoint } from './tableList.ts'

/**
 * Whether the database of this name holds rows of this log. A name that earlier versions gave may belong to another log
 * (`tableDatabaseNames`). False if the database does not exist (it is not created) or can't be read.
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
