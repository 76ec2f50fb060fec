import type { Database } from '../log/database.ts'

export const tableDatabaseName = (engine: string, identity: string): string => `tidemark-table:${engine}:${identity}`

/** Names of the databases that were made of this log. */
export async function tableDatabases({ name, transact }: Database): Promise<string[]> {
  const { result = [] } = await transact(['meta'], 'readonly', (store) => store('meta').get('tables'))
  return result.map((identity) => tableDatabaseName(name, identity))
}

/** A table's database is about to be made: whoever deletes the log deletes it too. */
export async function noteTable({ transact }: Database, identity: string): Promise<void> {
  await transact(['meta'], 'readwrite', (store) => {
    const list = store('meta').get('tables')
    list.onsuccess = () => {
      const { result = [] } = list
      if (!result.includes(identity)) store('meta').put([...result, identity], 'tables')
    }
  })
}

/** Deletes the database of one on-disk table. Whoever has it open is closed. */
export async function deleteTableDatabase({ name, transact }: Database, identity: string): Promise<void> {
  await new Promise((resolve, reject) => {
    const request = indexedDB.deleteDatabase(tableDatabaseName(name, identity))
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
