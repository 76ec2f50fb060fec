import { StorageError } from '../errors.ts'
import { randomId } from '../ids.ts'

/** What `meta` holds under 'log'. Another id is another log; the lineage survives import and restore. */
export interface LogIdentity {
  readonly id: string
  readonly lineage: string
  /**
   * 0: nobody has looked yet whether a mirror of an earlier database stands; nothing may be appended. 2: archived, stands
   * on a base.
   */
  readonly format: 0 | 1 | 2
  /** The id before it became another log, while it was empty: who holds that may take this one. */
  readonly was?: string
  /** The events up to here were archived: projections stand on a base. */
  readonly base?: number
  /** The log came back from its mirror, up to this event. */
  readonly restored?: { readonly sequence: number; readonly at: number }
  /** Of the commit that ends at the base. */
  readonly commit?: string
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
  /** What the browser said when this open had to create the database: `'total'` where it had lost one. */
  dataLoss: string | undefined
  /** Set by the first reader; every reopen compares it before anything uses the connection. */
  log: LogIdentity | undefined
  /** The connection that is open. */
  idb: IDBDatabase | undefined
  closed: boolean
  /** Told when the connection was taken away. */
  lost?: () => void
  readonly transact: Transact
  close(): void
}

/** The number every release opens with: nothing is ever upgraded. */
const VERSION = 10

/**
 * Opens `tidemark:<name>`. Creates it only where `create` says so; undefined is the answer where it does not and there is
 * none. Asked for before anything else is done: nothing of a boot takes longer.
 */
export function connect(database: Database, create: boolean): Promise<IDBDatabase | undefined> {
  const { indexedDB } = globalThis
  return new Promise<IDBDatabase | undefined>((resolve, reject) => {
    let missing = false
    let tries = 3
    const open = (version?: number): void => {
      const request = indexedDB.open(`tidemark:${database.name}`, version)
      request.onupgradeneeded = (event) => {
        const { dataLoss } = event as IDBVersionChangeEvent & { dataLoss?: string }
        if (dataLoss !== 'none') database.dataLoss = dataLoss
        missing = !create
        if (missing) request.transaction!.abort()
        else {
          const id = randomId()
          for (const store of STORES) request.result.createObjectStore(store)
          request.transaction!.objectStore('meta').add({ id, lineage: id, format: 0 } satisfies LogIdentity, 'log')
        }
      }
      request.onsuccess = () => {
        const idb = request.result
        idb.onversionchange = idb.onclose = () => {
          idb.close()
          if (database.idb === idb) database.idb = undefined
          database.lost?.()
        }
        resolve(idb)
      }
      request.onerror = () => {
        const { error } = request
        if (missing) resolve(undefined)
        // A newer build's number.
        else if (error?.name === 'VersionError') open()
        // Chromium, while it still cleans up behind a process that ended.
        else if (error?.name === 'UnknownError' && tries--) open(version)
        else reject(error)
      }
    }
    if (indexedDB) open(VERSION)
    else reject("no IndexedDB, but storage: 'memory'")
  }).catch((error) => {
    throw new StorageError('unavailable', String(error), error)
  })
}

export async function openDatabase(name: string, create = true): Promise<Database> {
  const database: Database = {
    name,
    dataLoss: undefined,
    log: undefined,
    idb: undefined,
    closed: false,
    async transact(...given) {
      const { idb } = database
      let failure: unknown
      try {
        if (idb) return await run(idb, ...given)
      } catch (error) {
        failure = error
      }
      return (await import('./reopen.ts')).tryAgain(database, idb, failure, given)
    },
    close() {
      database.closed = true
      database.idb?.close()
      database.idb = undefined
    },
  }
  database.idb = await connect(database, create)
  return database
}

export function run<T>(
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
    transaction.onabort = () => reject(transaction.error)
    try {
      result = body((name) => transaction.objectStore(name), transaction)
    } catch (error) {
      reject(error)
      transaction.abort()
    }
  })
}

/** Where a cursor over numbers stands; 0 where there is nothing. */
export const keyOf = ({ result }: IDBRequest<IDBCursor | null>): number => (result?.key as number | undefined) ?? 0

export const above = (key: number): IDBKeyRange => IDBKeyRange.lowerBound(key + 1)

/**
 * Ends a transaction before any answer. Not in Firefox, known by a global that no other engine has: a request that fails
 * after `commit()` does not abort its transaction there, which completes with the rest.
 */
export const commitNow = (transaction: IDBTransaction): void => {
  if (!('InternalError' in globalThis)) transaction.commit()
}
