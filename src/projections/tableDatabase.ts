import Dexie, { type Table } from 'dexie'
import { StorageError } from '../errors.ts'
import type { Database } from '../log/database.ts'
import type { WireError } from '../log/wire.ts'
import type { Fold } from '../model/fold.ts'
import type { IntoTable } from '../model/projection.ts'
import { noteTable, tableDatabaseName } from './tableList.ts'

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

/** Opens the database of an on-disk table, noting first that it exists: whoever deletes the log deletes it too. */
export async function openTableDatabase(database: Database, { identity, definition }: Fold): Promise<TableDatabase> {
  await noteTable(database, identity)
  const { key, indexes } = definition.into as IntoTable
  // Deleted under us, it is not made again by whoever asks it next.
  const { indexedDB, IDBKeyRange } = globalThis
  const dexie = new Dexie(tableDatabaseName(database.name, identity), { indexedDB, IDBKeyRange, autoOpen: false })
  dexie.version(1).stores({ rows: [key, ...indexes].join(), checkpoint: '' })
  try {
    await dexie.open()
  } catch (error) {
    throw new StorageError('unavailable', `the database of an on-disk table did not open: ${error}`, error)
  }
  return { dexie, rows: dexie.table('rows'), checkpoint: dexie.table('checkpoint') }
}
