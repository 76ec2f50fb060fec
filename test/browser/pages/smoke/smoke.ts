import { wrap } from 'comlink'

const open = () =>
  new Promise<IDBDatabase>((resolve, reject) => {
    const request = indexedDB.open('smoke', 1)
    request.onupgradeneeded = () => request.result.createObjectStore('rows')
    request.onsuccess = () => resolve(request.result)
    request.onerror = () => reject(request.error)
  })

const smoke = {
  async put(key: string, row: unknown) {
    const db = await open()
    await new Promise<void>((resolve, reject) => {
      const transaction = db.transaction('rows', 'readwrite', { durability: 'strict' })
      transaction.objectStore('rows').put(row, key)
      transaction.oncomplete = () => resolve()
      transaction.onabort = () => reject(transaction.error)
    })
    db.close()
  },
  async get(key: string) {
    const db = await open()
    const row = await new Promise((resolve, reject) => {
      const request = db.transaction('rows').objectStore('rows').get(key)
      request.onsuccess = () => resolve(request.result)
      request.onerror = () => reject(request.error)
    })
    db.close()
    return row
  },
  /** How many calls the one worker of all tabs has had. */
  count() {
    const worker = new SharedWorker(new URL('./smoke.worker.ts', import.meta.url), { type: 'module' })
    return wrap<{ count(): number }>(worker.port).count()
  },
  /** Is the lock free right now? `keep` holds it until the tab is gone. */
  lock: (keep: boolean) =>
    new Promise<boolean>((resolve) => {
      navigator.locks.request('smoke', { ifAvailable: true }, (lock) => {
        resolve(lock !== null)
        return lock && keep ? new Promise<void>(() => {}) : undefined
      })
    }),
  fail() {
    throw new RangeError('as asked')
  },
}
declare global {
  interface Window {
    smoke: typeof smoke
  }
}
window.smoke = smoke
