import { sleep } from '../../async.ts'
import { StorageError } from '../../errors.ts'
import type { TableCheckpoint } from '../../projections/tableList.ts'

/** Seconds without an answer after which the read of an on-disk table rejects. */
const TABLE_BLOCKED_AFTER_S = 30

/** What is stored of an on-disk table. */
export interface StoredTable {
  readonly checkpoint: TableCheckpoint
  readonly rows: readonly unknown[]
}

/**
 * Reads the database of an on-disk table, by the browser's name for it, and creates nothing. undefined if there is no such database,
 * or it is empty. Rejects with `StorageError`, and with the signal's reason.
 */
export async function readTable(name: string, signal: AbortSignal | undefined): Promise<StoredTable | undefined> {
  const idb = await openExisting(name, signal)
  if (!idb) return
  try {
    return await new Promise((resolve, reject) => {
      const transaction = idb.transaction(['rows', 'checkpoint'])
      const rows: IDBRequest<unknown[]> = transaction.objectStore('rows').getAll()
      const checkpoint: IDBRequest<TableCheckpoint | undefined> = transaction.objectStore('checkpoint').get(0)
      transaction.oncomplete = () => resolve(checkpoint.result && { checkpoint: checkpoint.result, rows: rows.result })
      transaction.onabort = () => reject(transaction.error)
    })
  } catch (error) {
    throw new StorageError('aborted', `"${name}" could not be read: ${error}. Try again`, error)
  } finally {
    idb.close()
  }
}

/** Opens a database that exists. Bounded in time, because the browser does not answer while the database is being deleted. */
async function openExisting(name: string, signal: AbortSignal | undefined): Promise<IDBDatabase | undefined> {
  const given = new AbortController()
  const request = indexedDB.open(name)
  let isMissing = false
  request.onupgradeneeded = () => {
    isMissing = true
    request.transaction?.abort()
  }
  const opened = new Promise<IDBDatabase | undefined>((resolve, reject) => {
    request.onsuccess = () => {
      const idb = request.result
      // Another tab may delete the database at any time. This connection must not block that.
      idb.onversionchange = () => idb.close()
      if (given.signal.aborted) idb.close()
      resolve(idb)
    }
    request.onerror = () => {
      if (isMissing) resolve(undefined)
      else reject(new StorageError('unavailable', `"${name}" did not open: ${request.error}. Try again`, request.error))
    }
  })
  const stop = (): void => given.abort(signal?.reason)
  signal?.addEventListener('abort', stop, { once: true })
  const late = sleep(TABLE_BLOCKED_AFTER_S * 1000, given.signal).then(() => {
    throw new StorageError(
      'blocked',
      `"${name}" did not open within ${TABLE_BLOCKED_AFTER_S} s: it is being deleted. Try again.`,
    )
  })
  try {
    return await Promise.race([opened, late])
  } finally {
    signal?.removeEventListener('abort', stop)
    given.abort()
  }
}
