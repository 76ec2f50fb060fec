import type { Database } from '../log/database.ts'
import type { WireError } from '../log/wire.ts'

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

/**
 * The names that the database of a table may have: today's, which no other engine has, and that of earlier versions, if it is another.
 * An engine called `a` and one called `a:b` could have had the same.
 */
export function tableDatabaseNames(engine: string, identity: string): readonly [name: string, ...former: string[]] {
  const escaped = engine.replace(/[%:]/g, encodeURIComponent)
  const nameOf = (engine: string): string => `tidemark-table:${engine}:${identity}`
  return escaped === engine ? [nameOf(engine)] : [nameOf(escaped), nameOf(engine)]
}

/** The identities of the tables whose databases were made of this log. */
export async function notedTables({ transact }: Database): Promise<readonly string[]> {
  const { result = [] } = await transact(['meta'], 'readonly', (store) => store('meta').get('tables'))
  return result
}

/** A table's database is about to be made: what deletes the log deletes it, too. */
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
 * Deletes the database of one on-disk table. Every connection to it is closed. What has the name of an earlier version may be another
 * log's: a cache, which is made again.
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
