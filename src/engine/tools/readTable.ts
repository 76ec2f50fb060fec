import { sleep } from '../../async.ts'
import { StorageError } from '../../errors.ts'
import type { TableCheckpoint } from '../../projections/tableList.ts'

/** Seconds without an answer after which reading an on-disk table is given up. */
const TABLE_BLOCKED_AFTER_S = 30

/** What is stored of an on-disk table. */
export interface StoredTable {
  readonly checkpoint: TableCheckpoint
  readonly rows: readonly unknown[]
}

/**
 * Reads the database of an on-disk table, by the browser's name for it, and creates nothing: undefined if there is none, or
 * nothing in it. Rejects with `StorageError`, and with the signal's reason.
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
    throw new StorageError('aborted', `"${name}" could not be read: ${error}`, error)
  } finally {
    idb.close()
  }
}

/** A database that is being deleted keeps an open waiting. */
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
      // Others may delete it at any time.
      idb.onversionchange = () => idb.close()
      if (given.signal.aborted) idb.close()
      resolve(idb)
    }
    request.onerror = () => {
      if (isMissing) resolve(undefined)
      else reject(new StorageError('unavailable', `"${name}" did not open: ${request.error}`, request.error))
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
