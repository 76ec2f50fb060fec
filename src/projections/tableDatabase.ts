import Dexie, { type Table } from 'dexie'
import { StorageError } from '../errors.ts'
import type { Database } from '../log/database.ts'
import type { Fold } from '../model/fold.ts'
import type { IntoTable } from '../model/projection.ts'
import { holdsRowsOf } from './formerTable.ts'
import { deleteTableDatabase, noteTable, type TableCheckpoint, tableDatabaseNames } from './tableList.ts'

/** The database of one on-disk table. It can be deleted at any time, because it is folded again from the log. */
export interface TableDatabase {
  readonly rows: Table
  readonly checkpoint: Table<TableCheckpoint, number>
  readonly dexie: Dexie
}

/** Attempts to open the database of a table before it is deleted and created again. */
const OPEN_TABLE_TRIES = 3

/**
 * Opens the database of an on-disk table. Notes its existence in the log first, so that deleting the log deletes it
 * too.
 */
export async function openTableDatabase(database: Database, { identity, definition }: Fold): Promise<TableDatabase> {
  await noteTable(database, identity)
  // Only tables are on disk.
  const { key, indexes } = definition.into as IntoTable
  const [name, former] = tableDatabaseNames(database.name, identity)
  const used = former !== undefined && (await holdsRowsOf(database, former)) ? former : name
  for (let tries = 1; ; tries++) {
    const { indexedDB, IDBKeyRange } = globalThis
    // Without `autoOpen`, Dexie does not create the database again after somebody deleted it.
    const dexie = new Dexie(used, { indexedDB, IDBKeyRange, autoOpen: false })
    dexie.version(1).stores({ rows: [key, ...indexes].join(), checkpoint: '' })
    try {
      await dexie.open()
      return { dexie, rows: dexie.table('rows'), checkpoint: dexie.table('checkpoint') }
    } catch (error) {
      dexie.close()
      const message = `The database of the on-disk table "${identity}" did not open: ${error}. It can be deleted: the log makes it again.`
      if (tries > OPEN_TABLE_TRIES) throw new StorageError('unavailable', message, error)
      // The table is a cache, so a database that can't be opened is deleted and created again.
      if (tries === OPEN_TABLE_TRIES)
        await deleteTableDatabase(database, identity).then(() => noteTable(database, identity))
    }
  }
}

/** Awaits a read. Throws `StorageError('lost')` if the browser can't read a value although the connection is open. */
export async function orLost<T>(read: PromiseLike<T>): Promise<T> {
  try {
    return await read
  } catch (error) {
    // `inner` is the browser's error.
    const { name, inner } = error as { name?: string; inner?: { name?: string } }
    const names = [name, inner?.name]
    if (!READ_FAILURES.some((one) => names.includes(one))) throw error
    throw new StorageError('lost', `A value of an on-disk table could not be read: ${error}`, error)
  }
}

/** Names of the errors that browsers give for a value whose file is missing or damaged. */
const READ_FAILURES: readonly string[] = [
  'UnknownError',
  'NotReadableError',
  'DataError',
  'DataCloneError',
  'NotFoundError',
]
