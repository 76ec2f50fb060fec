import Dexie, { type Table } from 'dexie'
import { StorageError } from '../errors.ts'
import type { Database } from '../log/database.ts'
import type { WireError } from '../log/wire.ts'
import type { Fold } from '../model/fold.ts'
import type { IntoTable } from '../model/projection.ts'

/** Written in the transaction of its rows. Compared with the log before rows are believed (rule 18). */
export interface TableCheckpoint {
  readonly sequence: number
  /** Of the log that was folded. Not its id: import and restore keep lineage, commits and their numbers. */
  readonly lineage: string
  /** Id of the commit that ends at `sequence`: after a power cut others may have taken the numbers. */
  readonly commit: string
  /** A ProjectionFailed. */
  readonly failed?: WireError
}

/** The database of one on-disk table: disposable, because the log makes it again. */
export interface TableDatabase {
  readonly rows: Table
  readonly checkpoint: Table<TableCheckpoint, number>
  readonly dexie: Dexie
}

/** What `meta` holds under 'tables': identities whose databases may stand beside this one. */
type TableList = readonly string[]

export const tableDatabaseName = (engine: string, identity: string): string => `tidemark-table:${engine}:${identity}`

/** Names of the databases that were made of this log. */
export async function tableDatabases({ name, transact }: Database): Promise<string[]> {
  const { result = [] } = await transact(
    ['meta'],
    'readonly',
    (store): IDBRequest<TableList | undefined> => store('meta').get('tables'),
  )
  return result.map((identity) => tableDatabaseName(name, identity))
}

/** Deletes the database of one on-disk table. Whoever has it open is closed. */
export async function deleteTableDatabase({ name, transact }: Database, identity: string): Promise<void> {
  await new Promise((resolve, reject) => {
    const request = indexedDB.deleteDatabase(tableDatabaseName(name, identity))
    request.onsuccess = resolve
    request.onerror = () => reject(request.error)
  })
  await transact(['meta'], 'readwrite', (store) => {
    const list: IDBRequest<TableList | undefined> = store('meta').get('tables')
    list.onsuccess = () => {
      store('meta').put(
        (list.result ?? []).filter((one) => one !== identity),
        'tables',
      )
    }
  })
}

/** Opens the database of an on-disk table, noting first that it exists: whoever deletes the log deletes it too. */
export async function openTableDatabase(
  { name, transact }: Database,
  { identity, definition }: Fold,
): Promise<TableDatabase> {
  await transact(['meta'], 'readwrite', (store) => {
    const list: IDBRequest<TableList | undefined> = store('meta').get('tables')
    list.onsuccess = () => {
      const { result = [] } = list
      if (!result.includes(identity)) store('meta').put([...result, identity], 'tables')
    }
  })
  const { key, indexes } = definition.into as IntoTable
  // Deleted under us, it is not made again by whoever asks it next.
  const { indexedDB, IDBKeyRange } = globalThis
  const dexie = new Dexie(tableDatabaseName(name, identity), { indexedDB, IDBKeyRange, autoOpen: false })
  dexie.version(1).stores({ rows: [key, ...indexes].join(), checkpoint: '' })
  try {
    await dexie.open()
  } catch (error) {
    throw new StorageError('unavailable', `the database of an on-disk table did not open: ${error}`, error)
  }
  return { dexie, rows: dexie.table('rows'), checkpoint: dexie.table('checkpoint') }
}
