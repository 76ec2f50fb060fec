import { asError, caughtName } from '../caught.ts'
import { EngineClosed, StorageError } from '../errors.ts'
import { connect } from './connection.ts'
import { type LogIdentity, NEWER_STORES, type SegmentRecord, type StoreName, type StoreOf } from './stores.ts'

export type { LogIdentity, StoreName, StoreOf } from './stores.ts'

/**
 * One transaction. `body` queues its requests at once and returns them, or a value that their callbacks fill. The
 * promise resolves at `complete`. Await nothing but IndexedDB inside: the transaction would commit early.
 */
export type Transact = <T>(
  stores: StoreName[],
  mode: 'readonly' | 'readwrite',
  body: (store: StoreOf, transaction: IDBTransaction) => T,
  durability?: 'relaxed' | 'strict',
) => Promise<T>

/** The database of one log, through a connection that reopens itself but never creates a database that is gone. */
export interface Database {
  readonly name: string
  /** What the browser reported when this open created the database: `'total'` if it had lost an earlier database. */
  dataLoss: string | undefined
  /** Set by the first reader; every reopen compares it before anything uses the connection. */
  log: LogIdentity | undefined
  /** The connection that is open. */
  idb: IDBDatabase | undefined
  /** Whether the database has `NEWER_STORES`. It keeps its value while the connection is reopened. */
  hasNewer: boolean
  closed: boolean
  /** Called when the browser has closed the connection, or another connection needs it closed. */
  lost?: () => void
  /** Called when another connection keeps this one from being opened. */
  readonly blocked?: (() => void) | undefined
  /** Reads from the mirror the bytes of a record whose body the browser has lost. Set by the code that opened the database. */
  rescue?: (record: SegmentRecord) => Promise<Uint8Array<ArrayBuffer> | undefined>
  readonly transact: Transact
  close(): void
}

/**
 * Opens the database of a log. If it does not exist and `create` is false, its first use throws `EngineClosed('log replaced')`.
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

/** Makes all further transactions use this connection. */
function use(database: Database, idb: IDBDatabase): void {
  idb.onversionchange = idb.onclose = () => {
    idb.close()
    if (database.idb === idb) database.idb = undefined
    database.lost?.()
  }
  database.idb = idb
  database.hasNewer = NEWER_STORES.every((store) => idb.objectStoreNames.contains(store))
}

/** Whether a failed transaction has certainly written nothing, so that it may run again on another connection. */
function mayTryAgain(database: Database, idb: IDBDatabase, error: unknown, [, mode]: Parameters<Transact>): boolean {
  // A connection that is closing throws this before any request is queued, and before its `close` event.
  const refused = caughtName(error) === 'InvalidStateError'
  if (refused && database.idb === idb) database.idb = undefined
  // A write whose outcome is unknown is left to the caller, who reads what became of it.
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
  const log = await runTransaction(idb, ['meta'], 'readonly', (store) => store('meta').get('log')).catch((error) => {
    idb.close()
    throw withKind(error, true, [['meta'], 'readonly'])
  })
  const found = log.result
  // Rule 13: the old log was empty when it got this new id. A tab that knows it by the old id has no events that could mismatch.
  if (found && found.was === database.log?.id) database.log = found
  if ((!database.log || found?.id === database.log.id) && !database.closed) {
    use(database, idb)
    return idb
  }
  idb.close()
  throw new EngineClosed(database.closed ? 'closed' : 'log replaced')
}

/**
 * Waits for the value of a request whose transaction is already complete. Resolves to false if the connection was closed meanwhile: then the
 * value may never come, and the caller has to read it again.
 */
export async function loaded(database: Database, request: IDBRequest): Promise<boolean> {
  const { db } = request.transaction!
  await new Promise<void>((resolve) => {
    request.onsuccess = request.onerror = () => resolve()
    if (request.readyState === 'done' || database.idb !== db) resolve()
    else db.addEventListener('close', () => resolve())
  })
  if (request.readyState === 'pending') return false
  // Callers wait only for requests to an object store of this library, never for a cursor.
  const name = (request.source as IDBObjectStore).name as StoreName
  if (request.error) throw withKind(request.error, false, [[name], 'readonly'])
  return true
}

function withKind(error: unknown, lost: boolean, [stores, mode]: readonly [StoreName[], string, ...unknown[]]): Error {
  const { name, message } = asError(error ?? new DOMException('aborted', 'AbortError'))
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
    transaction.onabort = () => reject(transaction.error)
    try {
      const result = body(storeOf, transaction)
      transaction.oncomplete = () => resolve(result)
    } catch (error) {
      reject(error)
      transaction.abort()
    }
  })
}

/** Reads which log the database holds; undefined if another program made the database. */
export const readIdentity = async ({ transact }: Pick<Database, 'transact'>): Promise<LogIdentity | undefined> =>
  (await transact(['meta'], 'readonly', (store) => store('meta').get('log'))).result

/** The key that a cursor over numbers found; 0 if it found none. */
export const numberKeyOf = ({ result }: IDBRequest<IDBCursor | null>): number =>
  // The caller opened the cursor over numbers.
  (result?.key as number | undefined) ?? 0

export const above = (key: number): IDBKeyRange => IDBKeyRange.lowerBound(key + 1)

/**
 * Commits a transaction before any answer. Does nothing in Firefox (`InternalError` is a global of Firefox alone): there, a request
 * that fails after `commit()` does not abort the transaction, and its other requests are stored.
 */
export const commitNow = (transaction: IDBTransaction): void => {
  if (!('InternalError' in globalThis)) transaction.commit()
}
