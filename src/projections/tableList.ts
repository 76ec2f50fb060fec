import type { Database } from '../log/database.ts'
import type { WireError } from '../log/wire.ts'

/**
 * The checkpoint of an on-disk table, written in the transaction of its rows. It is compared with the log before the
 * rows are used (rule 18).
 */
export interface TableCheckpoint {
  readonly sequence: number
  /**
   * The lineage of the log that was folded. Not its id, because import and restore keep the lineage, the commits and
   * their sequences.
   */
  readonly lineage: string
  /** The id of the commit that ends at `sequence`. After a power cut, other events may have got the same sequences. */
  readonly commit: string
  /** A ProjectionFailed, as `toWire` gives it. */
  readonly failed?: WireError
}

/**
 * The names that the database of a table may have: the current one, and the one that earlier versions gave if it
 * differs. The current name is unique. Under earlier versions, engines called `a` and `a:b` could have the same name.
 */
export function tableDatabaseNames(engine: string, identity: string): readonly [name: string, ...former: string[]] {
  const escaped = engine.replace(/[%:]/g, encodeURIComponent)
  const nameOf = (engine: string): string => `tidemark-table:${engine}:${identity}`
  return escaped === engine ? [nameOf(engine)] : [nameOf(escaped), nameOf(engine)]
}

/** The identities of the on-disk tables that have a database for this log. */
export async function notedTables({ transact }: Database): Promise<readonly string[]> {
  const { result = [] } = await transact(['meta'], 'readonly', (store) => store('meta').get('tables'))
  return result
}

/** Notes that a table's database is about to be created, so that deleting the log deletes it too. */
export async function noteTable({ transact }: Database, identity: string): Promise<void> {
  await transact(['meta'], 'readwrite', (store) => {
    const list = store('meta').get('tables')
    list.onsuccess = () => {
      const { result = [] } = list
      if (!result.includes(identity)) store('meta').put([...result, identity], 'tables')
    }
  })
}

/**
 * Deletes the database of one on-disk table. Dexie closes the open connections to it. A database with the name of an
 * earlier version may belong to another log. It is deleted too: it is a cache, and that log folds it again.
 */
export async function deleteTableDatabase({ name, transact }: Database, identity: string): Promise<void> {
  for (const one of tableDatabaseNames(name, identity))
    await new Promise((resolve, reject) => {
      const request = indexedDB.deleteDatabase(one)
      request.onsuccess = resolve
      request.onerror = () => reject(request.error)
    })
  await transact(['meta'], 'readwrite', (store) => {
    const list = store('meta').get('tables')
    list.onsuccess = () => {
      store('meta').put(
        (list.result ?? []).filter((one) => one !== identity),
        'tables',
      )
    }
  })
}
