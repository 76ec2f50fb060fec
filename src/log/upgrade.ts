import { StorageError } from '../errors.ts'
import { answerOf, databaseName, unavailable } from './connection.ts'
import { type Database, readIdentity, type StoreName, type StoreOf } from './database.ts'
import { NEWER_STORES, VERSION } from './stores.ts'

/**
 * Gives an older database the newer stores; does nothing if it has them. An upgrade closes every connection to the
 * database, so call it only while you hold the log's lock exclusively. Rejects with `StorageError('blocked')` if a
 * connection stays open: then the log keeps working without those stores.
 */
export async function upgradeStores(database: Database): Promise<void> {
  // Opens the connection if it is closed.
  await readIdentity(database)
  if (database.hasNewer) return
  await closeOthers(database)
  // Opens a new connection, which compares the log id.
  await readIdentity(database)
}

/**
 * Closes every connection to the database, after its running transactions, and adds the newer stores if they are
 * missing. Runs `change` in the same transaction, before any tab can open the database again and compare the log id.
 * Rejects with `StorageError('blocked')` if a connection stays open for 30 seconds.
 */
export async function closeOthers(database: Database, change?: (store: StoreOf) => void): Promise<void> {
  await readIdentity(database)
  const { idb } = database
  database.idb = undefined
  idb?.close()
  ;(await upgrade(database, Math.max(VERSION, (idb?.version ?? 0) + 1), change)).close()
}

async function upgrade(
  { name, blocked }: Database,
  version: number,
  change?: (store: StoreOf) => void,
): Promise<IDBDatabase> {
  // A higher version makes the browser ask every open connection to close.
  const request = indexedDB.open(databaseName(name), version)
  request.onupgradeneeded = ({ oldVersion }) => {
    const { result, transaction } = request
    // A database that is gone is not created again.
    if (!oldVersion) return transaction?.abort()
    for (const store of NEWER_STORES) if (!result.objectStoreNames.contains(store)) result.createObjectStore(store)
    change?.((store: StoreName) => transaction!.objectStore(store))
  }
  try {
    return await answerOf(request, 'upgraded', name, blocked)
  } catch (error) {
    throw error instanceof StorageError ? error : unavailable(`"${name}" was not upgraded: ${error}`, error)
  }
}
