import Dexie from 'dexie'
import { EngineClosed, StorageError } from '../errors.ts'
import { randomId } from '../model/model.ts'

/** What `meta` holds under 'log'. Another id is another log; the lineage survives import and restore. */
export interface LogIdentity {
  readonly id: string
  readonly lineage: string
  readonly format: 1
}

export type StoreName =
  | 'commits'
  | 'segments'
  | 'bodies'
  | 'commands'
  | 'types'
  | 'pages'
  | 'checkpoints'
  | 'rowEvents'
  | 'bases'
  | 'meta'

/** All stores from the first release on, so that no native upgrade ever waits for another tab. */
const STORES: Record<StoreName, ''> = {
  commits: '',
  segments: '',
  bodies: '',
  commands: '',
  types: '',
  pages: '',
  checkpoints: '',
  rowEvents: '',
  bases: '',
  meta: '',
}

export const databaseName = (name: string): string => `tidemark:${name}`

/** The database of one log, through a connection that reopens itself but never creates what is gone. */
export interface Database {
  readonly name: string
  /** This open had to create it; `dataLoss` is what the browser said about why. */
  readonly created: boolean
  readonly dataLoss: string | undefined
  /** Set by the first reader; every reopen compares it before anything uses the connection. */
  log: LogIdentity | undefined
  /**
   * One transaction. `body` queues its requests at once and returns them or a value that their callbacks fill; the
   * promise resolves at `complete`. Nothing but IndexedDB may be awaited inside.
   */
  transact<T>(
    stores: StoreName[],
    mode: 'readonly' | 'readwrite',
    body: (store: (name: StoreName) => IDBObjectStore, transaction: IDBTransaction) => T,
    durability?: 'relaxed' | 'strict',
  ): Promise<T>
  close(): void
}

const kinds: Record<string, StorageError['kind']> = { QuotaExceededError: 'quota', InvalidStateError: 'closed' }

export const storageError = (error: unknown, doing: string): Error => {
  if (error instanceof StorageError || error instanceof EngineClosed) return error
  const { name = 'Error', message = '' } = (error ?? {}) as Error
  return new StorageError(kinds[name] ?? 'aborted', `${doing} failed: ${name} ${message}`, error)
}

export async function openDatabase(name: string, create = true): Promise<Database> {
  let closed = false
  let connection: IDBDatabase | undefined
  let reopening: Promise<IDBDatabase> | undefined
  let created = false
  let dataLoss: string | undefined

  async function connect(create: boolean): Promise<IDBDatabase> {
    let missing = false
    const { indexedDB, IDBKeyRange } = globalThis
    if (!indexedDB)
      throw new StorageError(
        'unavailable',
        'There is no IndexedDB here. Ask for { storage: "memory" } to go on without keeping anything.',
      )
    const open = (databaseName: string, version?: number): IDBOpenDBRequest => {
      const request = indexedDB.open(databaseName, version)
      request.addEventListener('upgradeneeded', (event) => {
        if (event.oldVersion) return
        if (!create) {
          missing = true
          request.transaction?.abort()
        }
        created = create
        dataLoss = (event as IDBVersionChangeEvent & { dataLoss?: string }).dataLoss
      })
      return request
    }
    // Dexie is given a factory of its own: only the native event says that a database was lost, and a reopen aborts its creation.
    const factory = {
      open,
      deleteDatabase: indexedDB.deleteDatabase.bind(indexedDB),
      cmp: indexedDB.cmp.bind(indexedDB),
      databases: indexedDB.databases?.bind(indexedDB),
    }
    const dexie = new Dexie(databaseName(name), { indexedDB: factory, IDBKeyRange, autoOpen: false })
    dexie.version(1).stores(STORES)
    dexie.on('populate', (transaction) => {
      const id = randomId()
      transaction.table('meta').add({ id, lineage: id, format: 1 } satisfies LogIdentity, 'log')
    })
    try {
      await dexie.open()
    } catch (error) {
      if (missing) throw new EngineClosed('log replaced')
      throw new StorageError('unavailable', `The database ${databaseName(name)} did not open: ${error}`, error)
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
    if (meta.result?.id !== database.log?.id || closed) {
      idb.close()
      throw new EngineClosed(closed ? 'closed' : 'log replaced')
    }
    return (connection = idb)
  }

  connection = await connect(create)
  const database: Database = {
    name,
    created,
    dataLoss,
    log: undefined,
    async transact(stores, mode, body, durability) {
      const doing = `A ${mode} transaction on ${stores.join(', ')}`
      for (let again = false; ; again = true) {
        if (closed) throw new EngineClosed('closed')
        const idb = connection ?? (await (reopening ??= reopen().finally(() => (reopening = undefined))))
        let queued = false
        try {
          return await run(
            idb,
            stores,
            mode,
            (store, transaction) => {
              queued = true
              return body(store, transaction)
            },
            durability,
          )
        } catch (error) {
          // Refused before anything was queued, or a read: another connection may answer. A write's outcome is the caller's to find out.
          if (connection === idb && (error as Error)?.name === 'InvalidStateError') connection = undefined
          if (again || (queued && (mode === 'readwrite' || connection === idb))) {
            throw connection === idb
              ? storageError(error, doing)
              : new StorageError('closed', `${doing}: the connection was lost.`, error)
          }
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
  body: (store: (name: StoreName) => IDBObjectStore, transaction: IDBTransaction) => T,
  durability: 'relaxed' | 'strict' = 'relaxed',
): Promise<T> {
  return new Promise((resolve, reject) => {
    const transaction = idb.transaction(stores, mode, { durability })
    transaction.oncomplete = () => resolve(result)
    transaction.onabort = () => reject(failure ?? transaction.error ?? new DOMException('aborted', 'AbortError'))
    let failure: unknown
    let result: T
    try {
      result = body((name) => transaction.objectStore(name), transaction)
    } catch (error) {
      failure = error
      try {
        transaction.abort()
      } catch {
        reject(error)
      }
    }
  })
}

/** Deletes a record if it is still the one that was seen. */
export function deleteIf(store: IDBObjectStore, key: IDBValidKey, property: string, value: string): void {
  const found = store.get(key)
  found.onsuccess = () => found.result?.[property] === value && store.delete(key)
}
