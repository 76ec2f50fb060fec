import Dexie from 'dexie'
import { EngineClosed, StorageError } from '../errors.ts'
import { randomId } from '../model/model.ts'

/** What `meta` holds under 'log'. Another id is another log; the lineage survives import and restore. */
export interface LogIdentity {
  readonly id: string
  readonly lineage: string
  readonly format: 1
}

/** All stores from the first release on, so that no native upgrade ever waits for another tab. */
const STORES = [
  'commits',
  'segments',
  'bodies',
  'commands',
  'types',
  'pages',
  'checkpoints',
  'rowEvents',
  'bases',
  'meta',
] as const
export type StoreName = (typeof STORES)[number]
export type StoreOf = (name: StoreName) => IDBObjectStore

/** The database of one log, through a connection that reopens itself but never creates what is gone. */
export interface Database {
  readonly name: string
  /** What the browser said when this open had to create the database: `'total'` where it had lost one. */
  readonly dataLoss: string | undefined
  /** Set by the first reader; every reopen compares it before anything uses the connection. */
  log: LogIdentity | undefined
  /**
   * One transaction. `body` queues its requests at once and returns them, or a value that their callbacks fill; the
   * promise resolves at `complete`. Nothing but IndexedDB may be awaited inside.
   */
  transact<T>(
    stores: StoreName[],
    mode: 'readonly' | 'readwrite',
    body: (store: StoreOf, transaction: IDBTransaction) => T,
    durability?: 'relaxed' | 'strict',
  ): Promise<T>
  close(): void
}

/** Opens `tidemark:<name>`, and creates it only where `create` says so. */
export async function openDatabase(name: string, create = true): Promise<Database> {
  let closed = false
  let connection: IDBDatabase | undefined
  let reopening: Promise<IDBDatabase> | undefined
  let dataLoss: string | undefined

  async function connect(create: boolean): Promise<IDBDatabase> {
    const { indexedDB, IDBKeyRange } = globalThis
    if (!indexedDB)
      throw new StorageError(
        'unavailable',
        "There is no IndexedDB here; { storage: 'memory' } works without and keeps nothing.",
      )
    let missing = false
    // Only the native event says that a database was lost, and only here can its creation be refused.
    const open = (database: string, version?: number): IDBOpenDBRequest => {
      const request = indexedDB.open(database, version)
      request.addEventListener('upgradeneeded', (event) => {
        if (event.oldVersion) return
        const loss = (event as IDBVersionChangeEvent & { dataLoss?: string }).dataLoss
        if (loss !== 'none') dataLoss = loss
        missing = !create
        if (missing) request.transaction?.abort()
      })
      return request
    }
    const bound = (method: 'deleteDatabase' | 'cmp' | 'databases') => indexedDB[method]?.bind(indexedDB)
    const factory = { open, deleteDatabase: bound('deleteDatabase'), cmp: bound('cmp'), databases: bound('databases') }
    const dexie = new Dexie(`tidemark:${name}`, { indexedDB: factory as never, IDBKeyRange, autoOpen: false })
    dexie.version(1).stores(Object.fromEntries(STORES.map((store) => [store, ''])))
    dexie.on('populate', (transaction) => {
      const id = randomId()
      transaction.table('meta').add({ id, lineage: id, format: 1 } satisfies LogIdentity, 'log')
    })
    try {
      await dexie.open()
    } catch (error) {
      throw missing
        ? new EngineClosed('log replaced')
        : new StorageError('unavailable', `IndexedDB did not open tidemark:${name}: ${error}`, error)
    }
    const idb = dexie.backendDB()
    idb.onversionchange = idb.onclose = () => {
      dexie.close()
      if (connection === idb) connection = undefined
    }
    return idb
  }

  /** Rule 10: a connection is used by nobody before its log id is compared. */
  async function reopen(): Promise<IDBDatabase> {
    const idb = await connect(false)
    const meta = await run(idb, ['meta'], 'readonly', (store) => store('meta').get('log'))
    if (meta.result?.id === database.log?.id && !closed) return (connection = idb)
    idb.close()
    throw new EngineClosed(closed ? 'closed' : 'log replaced')
  }

  connection = await connect(create)
  const database: Database = {
    name,
    dataLoss,
    log: undefined,
    async transact(stores, mode, body, durability) {
      for (let again = false; ; again = true) {
        if (closed) throw new EngineClosed('closed')
        reopening ??= connection ? undefined : reopen().finally(() => (reopening = undefined))
        const idb = connection ?? ((await reopening) as IDBDatabase)
        let queued = false
        try {
          const marked: typeof body = (...given) => {
            queued = true
            return body(...given)
          }
          return await run(idb, stores, mode, marked, durability)
        } catch (error) {
          const { name, message } = error as Error
          // A connection that is going refuses with this before it says so.
          if (connection === idb && name === 'InvalidStateError') connection = undefined
          const lost = connection !== idb
          // What was never queued, and a read, may be tried on another connection; what became of a write is the caller's to find out.
          if (lost && !again && !(queued && mode === 'readwrite')) continue
          if (error instanceof StorageError || error instanceof EngineClosed) throw error
          const kind = name === 'QuotaExceededError' ? 'quota' : lost ? 'closed' : 'aborted'
          throw new StorageError(kind, `${mode} of ${stores} in ${database.name}: ${name} ${message}`, error)
        }
      }
    },
    close() {
      closed = true
      connection?.close()
      connection = undefined
    },
  }
  return database
}

function run<T>(
  idb: IDBDatabase,
  stores: StoreName[],
  mode: IDBTransactionMode,
  body: (store: StoreOf, transaction: IDBTransaction) => T,
  durability: 'relaxed' | 'strict' = 'relaxed',
): Promise<T> {
  return new Promise((resolve, reject) => {
    const transaction = idb.transaction(stores, mode, { durability })
    let result: T
    transaction.oncomplete = () => resolve(result)
    transaction.onabort = () => reject(transaction.error ?? new DOMException('aborted', 'AbortError'))
    try {
      result = body((name) => transaction.objectStore(name), transaction)
    } catch (error) {
      reject(error)
      transaction.abort()
    }
  })
}

/** Deletes a record if it is still the one that was seen. */
export function deleteIf(store: IDBObjectStore, key: IDBValidKey, property: string, value: string): void {
  const found = store.get(key)
  found.onsuccess = () => found.result?.[property] === value && store.delete(key)
}
