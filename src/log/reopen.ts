import { EngineClosed, StorageError } from '../errors.ts'
import { connect, type Database, type LogIdentity, run, type StoreName, type Transact } from './database.ts'

const reopening = new WeakMap<Database, Promise<IDBDatabase>>()

/** A transaction failed, or there was no connection for it: another one may answer, or the error is given its kind. */
export async function tryAgain<T>(
  database: Database,
  idb: IDBDatabase | undefined,
  failure: unknown,
  given: Parameters<Transact>,
): Promise<T> {
  if (idb) {
    // A connection that is going refuses with this, before anything is queued and before it says so.
    const refused = (failure as Error | null)?.name === 'InvalidStateError'
    if (refused && database.idb === idb) database.idb = undefined
    // What became of a write is the caller's to find out.
    if (database.idb === idb || !(refused || given[1] === 'readonly'))
      throw withKind(failure, database.idb !== idb, given)
  }
  const other = database.idb ?? (await reopen(database))
  try {
    return (await run(other, ...given)) as T
  } catch (error) {
    throw withKind(error, database.idb !== other, given)
  }
}

/**
 * Waits for a value of a transaction that is complete already. False where its connection was taken away meanwhile: such a
 * value may never come, and is to be read again.
 */
export async function loaded(database: Database, request: IDBRequest): Promise<boolean> {
  const { db } = request.transaction as IDBTransaction
  await new Promise<void>((resolve) => {
    request.onsuccess = request.onerror = () => resolve()
    if (request.readyState === 'done' || database.idb !== db) resolve()
    else db.addEventListener('close', () => resolve())
  })
  if (request.readyState === 'pending') return false
  const { name } = request.source as IDBObjectStore
  if (request.error) throw withKind(request.error, false, [[name as StoreName], 'readonly', () => {}])
  return true
}

function withKind(error: unknown, lost: boolean, [stores, mode]: Parameters<Transact>): Error {
  const { name, message } = (error ?? new DOMException('the transaction was aborted', 'AbortError')) as Error
  const kind = name === 'QuotaExceededError' ? 'quota' : lost ? 'closed' : 'aborted'
  return new StorageError(kind, `${mode} of ${stores}: ${name} ${message}`, error)
}

function reopen(database: Database): Promise<IDBDatabase> {
  const under = reopening.get(database) ?? compare(database).finally(() => reopening.delete(database))
  reopening.set(database, under)
  return under
}

/** Rule 10: a connection is used by nobody before its log id is compared, and what is gone is never created again. */
async function compare(database: Database): Promise<IDBDatabase> {
  if (database.closed) throw new EngineClosed('closed')
  const idb = await connect(database, false)
  const read: Parameters<Transact> = [['meta'], 'readonly', (store) => store('meta').get('log')]
  const meta =
    idb &&
    ((await run(idb, ...read).catch((error) => Promise.reject(withKind(error, true, read)))) as IDBRequest | undefined)
  const found: LogIdentity | undefined = meta?.result
  // Rule 13: what became another log while it was empty has nothing that this connection's owner could mistake.
  if (found && found.was === database.log?.id) database.log = found
  if (idb && (!database.log || found?.id === database.log.id) && !database.closed) return (database.idb = idb)
  idb?.close()
  throw new EngineClosed(database.closed ? 'closed' : 'log replaced')
}
