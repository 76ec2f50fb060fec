import { asError, caughtName } from '../caught.ts'
import { EngineClosed, StorageError } from '../errors.ts'
import { connect } from './connection.ts'
import { type LogIdentity, NEWER_STORES, type SegmentRecord, type StoreName, type StoreOf } from './stores.ts'

export type { LogIdentity, StoreName, StoreOf } from './stores.ts'

/**
 * One transaction. `body` queues its requests at once and returns them, or a value that their callbacks fill; the
 * promise resolves at `complete`. Nothing but IndexedDB may be awaited inside.
 */
export type Transact = <T>(
  stores: StoreName[],
  mode: 'readonly' | 'readwrite',
  body: (store: StoreOf, transaction: IDBTransaction) => T,
  durability?: 'relaxed' | 'strict',
) => Promise<T>

/** The database of one log, through a connection that reopens itself but never creates what is gone. */
export interface Database {
  readonly name: string
  /** What the browser said if this open had to create the database: `'total'` if it had lost one. */
  dataLoss: string | undefined
  /** Set by the first reader; every reopen compares it before anything uses the connection. */
  log: LogIdentity | undefined
  /** The connection that is open. */
  idb: IDBDatabase | undefined
  /** It has the stores that came after the first ones. Still true while the connection is opened again. */
  hasNewer: boolean
  closed: boolean
  /** Told when the connection was taken away. */
  lost?: () => void
  /** Told when another connection keeps this one from being opened. */
  readonly blocked?: (() => void) | undefined
  /** Set by the opener: the bytes of a record whose body the browser has lost, from its mirror. */
  rescue?: (record: SegmentRecord) => Promise<Uint8Array<ArrayBuffer> | undefined>
  readonly transact: Transact
  close(): void
}

/**
 * Opens the database of a log. Without `create`, the first use of one that does not exist throws `EngineClosed('log replaced')`.
 * The signal ends the opening, not the database.
 */
export async function openDatabase(
  name: string,
  create: boolean = true,
  blocked?: () => void,
  signal?: AbortSignal,
): Promise<Database> {
  let reopening: Promise<IDBDatabase> | undefined
  const database: Database = {
    name,
    dataLoss: undefined,
    log: undefined,
    idb: undefined,
    hasNewer: false,
    closed: false,
    blocked,
    async transact(...given) {
      const { idb } = database
      if (idb) {
        try {
          return await runTransaction(idb, ...given)
        } catch (error) {
          if (!mayTryAgain(database, idb, error, given)) throw withKind(error, database.idb !== idb, given)
        }
      }
      const other = database.idb ?? (await reopen())
      try {
        return await runTransaction(other, ...given)
      } catch (error) {
        throw withKind(error, database.idb !== other, given)
      }
    },
    close() {
      database.closed = true
      database.idb?.close()
      database.idb = undefined
    },
  }

  function reopen(): Promise<IDBDatabase> {
    reopening ??= reconnect(database).finally(() => {
      reopening = undefined
    })
    return reopening
  }

  const connection = await connect(name, { create, blocked, signal })
  if (connection) {
    database.dataLoss = connection.dataLoss
    use(database, connection.idb)
  }
  return database
}

/** Whether a database has the stores that came after the first ones. */
export const hasNewerStores = ({ hasNewer }: Database): boolean => hasNewer

/** From now on, transactions go through this connection. */
function use(database: Database, idb: IDBDatabase): void {
  idb.onversionchange = idb.onclose = () => {
    idb.close()
    if (database.idb === idb) database.idb = undefined
    database.lost?.()
  }
  database.idb = idb
  database.hasNewer = NEWER_STORES.every((store) => idb.objectStoreNames.contains(store))
}

/** Whether a transaction that failed did nothing, so that another connection may answer it. */
function mayTryAgain(database: Database, idb: IDBDatabase, error: unknown, [, mode]: Parameters<Transact>): boolean {
  // A connection that is going refuses with this, before anything is queued and before it says so.
  const refused = caughtName(error) === 'InvalidStateError'
  if (refused && database.idb === idb) database.idb = undefined
  // The caller finds out what became of a write.
  return database.idb !== idb && (refused || mode === 'readonly')
}

/**
 * Rule 10: the log id is compared before anything uses the connection, and a database that is gone is not created
 * again.
 */
async function reconnect(database: Database): Promise<IDBDatabase> {
  if (database.closed) throw new EngineClosed('closed')
  const connection = await connect(database.name, { blocked: database.blocked })
  if (!connection) throw new EngineClosed(database.closed ? 'closed' : 'log replaced')
  const { idb } = connection
  const read: Parameters<Transact> = [['meta'], 'readonly', () => {}]
  const log = await runTransaction(idb, ['meta'], 'readonly', (store) => store('meta').get('log')).catch((error) => {
    idb.close()
    throw withKind(error, true, read)
  })
  const found = log.result
  // Rule 13: if the log was empty and became another one, the owner of this connection can mistake nothing in it.
  if (found && found.was === database.log?.id) database.log = found
  if ((!database.log || found?.id === database.log.id) && !database.closed) {
    use(database, idb)
    return idb
  }
  idb.close()
  throw new EngineClosed(database.closed ? 'closed' : 'log replaced')
}

/**
 * Waits for a value of a transaction that is complete already. False if its connection was taken away meanwhile: such a
 * value may never come, and has to be read again.
 */
export async function loaded(database: Database, request: IDBRequest): Promise<boolean> {
  const { db } = request.transaction!
  await new Promise<void>((resolve) => {
    request.onsuccess = request.onerror = () => resolve()
    if (request.readyState === 'done' || database.idb !== db) resolve()
    else db.addEventListener('close', () => resolve())
  })
  if (request.readyState === 'pending') return false
  // Nobody waits here for a cursor, or for a store that is not ours.
  const name = (request.source as IDBObjectStore).name as StoreName
  if (request.error) throw withKind(request.error, false, [[name], 'readonly', () => {}])
  return true
}

function withKind(error: unknown, lost: boolean, [stores, mode]: Parameters<Transact>): Error {
  const { name, message } = asError(error ?? new DOMException('the transaction was aborted', 'AbortError'))
  const kind = name === 'QuotaExceededError' ? 'quota' : lost ? 'closed' : 'aborted'
  return new StorageError(kind, `${mode} of ${stores}: ${name} ${message}`, error)
}

function runTransaction<T>(
  idb: IDBDatabase,
  stores: StoreName[],
  mode: IDBTransactionMode,
  body: (store: StoreOf, transaction: IDBTransaction) => T,
  durability: 'relaxed' | 'strict' = 'relaxed',
): Promise<T> {
  return new Promise((resolve, reject) => {
    const transaction = idb.transaction(stores, mode, { durability })
    // The one place where the browser's untyped stores become ours.
    const storeOf = (name: StoreName) => transaction.objectStore(name)
    let result: T
    transaction.oncomplete = () => resolve(result)
    transaction.onabort = () => reject(transaction.error)
    try {
      result = body(storeOf, transaction)
    } catch (error) {
      reject(error)
      transaction.abort()
    }
  })
}

/** Which log it is; undefined if the database is another program's. */
export const readIdentity = async ({ transact }: Pick<Database, 'transact'>): Promise<LogIdentity | undefined> =>
  (await transact(['meta'], 'readonly', (store) => store('meta').get('log'))).result

/** The key that a cursor over numbers found; 0 if it found none. */
export const numberKeyOf = ({ result }: IDBRequest<IDBCursor | null>): number =>
  // Its caller opened it over numbers.
  (result?.key as number | undefined) ?? 0

export const above = (key: number): IDBKeyRange => IDBKeyRange.lowerBound(key + 1)

/**
 * Ends a transaction before any answer. Not in Firefox, known by a global that no other engine has: a request that fails
 * after `commit()` does not abort its transaction there, which completes with the rest.
 */
export const commitNow = (transaction: IDBTransaction): void => {
  if (!('InternalError' in globalThis)) transaction.commit()
}
