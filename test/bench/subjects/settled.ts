const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

/** Opens a database without the engine, for one request or transaction. */
export async function besideEngine<T>(
  database: string,
  use: (db: IDBDatabase) => IDBRequest<T> | IDBTransaction,
): Promise<T> {
  const open = indexedDB.open(database)
  const done = (request: IDBRequest<any>) =>
    new Promise<any>((resolve, reject) => {
      request.onsuccess = () => resolve(request.result)
      request.onerror = () => reject(request.error)
    })
  const db: IDBDatabase = await done(open)
  const used = use(db)
  const result =
    used instanceof IDBTransaction ? await new Promise((resolve) => (used.oncomplete = resolve)) : await done(used)
  db.close()
  return result as T
}

/** The number of a log's commits that are not sealed. */
export const commitsOf = (name: string): Promise<number> =>
  besideEngine(`tidemark:${name}`, (db) => db.transaction('commits').objectStore('commits').count())

/** Waits until rows are persisted and old commits sealed: until the number of commits has not changed for one and a half seconds. */
export async function settled(engine: { projected(): Promise<void> }, name: string): Promise<void> {
  await engine.projected()
  for (let before = -1, still = 0; still < 3; ) {
    const now = await commitsOf(name)
    still = now === before ? still + 1 : 0
    before = now
    await pause(500)
  }
}
