import { caughtName } from '../caught.ts'
import { StorageError } from '../errors.ts'
import { randomId } from '../ids.ts'
import { STORES, VERSION } from './stores.ts'

/** Attempts of an open that the browser refuses for an unknown reason. */
const OPEN_TRIES = 4
/** Seconds without an answer after which `blocked` is called. */
const TOLD_AFTER_S = 3
/** Seconds without an answer after which an open or a deletion rejects. */
const BLOCKED_AFTER_S = 30

/** What the browser calls the database of a log. */
export const databaseName = (name: string): string => `tidemark:${name}`

export interface Connection {
  readonly idb: IDBDatabase
  /** What the browser reported as lost when this open created the database: `'total'` if it had lost one. */
  readonly dataLoss: string | undefined
}

export interface Connecting {
  /** Creates the database if there is none. */
  readonly create?: boolean
  /** Called once, when another connection or a deletion keeps the browser from answering. */
  readonly blocked?: (() => void) | undefined
  /** Ends the wait for an answer, with its reason. */
  readonly signal?: AbortSignal | undefined
}

/**
 * Opens the database of a log: one request if it exists. undefined if it does not and `create` is not set. Rejects with
 * `StorageError('blocked')` after 30 seconds without an answer.
 */
export async function connect(name: string, { create, blocked, signal }: Connecting): Promise<Connection | undefined> {
  const { indexedDB } = globalThis
  if (!indexedDB) throw unavailable("There is no IndexedDB here. Open with storage: 'memory', or on a page.")
  let version: number | undefined
  let dataLoss: string | undefined
  for (let tries = 1; ; ) {
    let missing = false
    try {
      const request = indexedDB.open(databaseName(name), version)
      request.onupgradeneeded = (event) => {
        // Only Chromium and Firefox have `dataLoss`.
        const { dataLoss: said } = event as IDBVersionChangeEvent & { dataLoss?: string }
        if (said !== 'none') dataLoss ??= said
        // An open without a version would create the database with version 1. So it is aborted, and repeated with our version if
        // `create` is set.
        missing = version === undefined
        if (missing) request.transaction?.abort()
        else createStores(request.result, request.transaction!, dataLoss)
      }
      const idb = await answerOf(request, 'opened', name, blocked, signal)
      // Set at once: a connection that nobody has taken over yet must not block a deletion for ever.
      idb.onversionchange = () => idb.close()
      return { idb, dataLoss }
    } catch (error) {
      if (signal?.aborted) throw error
      if (missing && !create) return
      if (missing) version = VERSION
      // Another build has created the database meanwhile, with a higher version.
      else if (caughtName(error) === 'VersionError') version = undefined
      // Chromium answers with this while it still cleans up after a process that ended.
      else if (caughtName(error) === 'UnknownError' && tries++ < OPEN_TRIES) continue
      else throw error instanceof StorageError ? error : unavailable(String(error), error)
    }
  }
}

function createStores(idb: IDBDatabase, transaction: IDBTransaction, dataLoss: string | undefined): void {
  const id = randomId()
  for (const store of STORES) idb.createObjectStore(store)
  const meta = transaction.objectStore('meta')
  meta.add({ id, lineage: id, format: 0, ...(dataLoss !== undefined && { dataLoss }) }, 'log')
}

/** Deletes a database by the browser's name for it. Rejects with `StorageError('blocked')` after 30 seconds without an answer. */
export async function deleteDatabase(name: string, blocked?: () => void): Promise<void> {
  try {
    await answerOf(indexedDB.deleteDatabase(name), 'deleted', name, blocked)
  } catch (error) {
    if (error instanceof StorageError) throw error
    throw new StorageError('unknown', `"${name}" was not deleted: ${error}`, error)
  }
}

/** The result of a request that other connections may block. An answer that comes too late, or after the signal, changes nothing. */
export function answerOf(
  request: IDBOpenDBRequest,
  what: 'opened' | 'upgraded' | 'deleted',
  name: string,
  blocked: (() => void) | undefined,
  signal?: AbortSignal,
): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    let hasTold = false
    let seconds = 0
    const tell = (): void => {
      if (hasTold) return
      hasTold = true
      if (__DEV__)
        console.warn(`tidemark: "${name}" is not ${what} yet: another tab keeps it open or is deleting it. Close it.`)
      blocked?.()
    }
    /** Counts seconds one by one, so that the time in which the computer sleeps does not count. */
    const wait = (): ReturnType<typeof setTimeout> =>
      setTimeout(() => {
        seconds++
        if (seconds >= TOLD_AFTER_S) tell()
        if (seconds < BLOCKED_AFTER_S) {
          timer = wait()
          return
        }
        giveUp(
          new StorageError(
            'blocked',
            `"${name}" was not ${what} within ${BLOCKED_AFTER_S} seconds: another tab, an extension or the developer tools ` +
              'keep an older version of it open, or delete it. Close the other tabs of this site and try again.',
          ),
        )
      }, 1000)
    let timer = wait()
    const over = (): void => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', abort)
    }
    const giveUp = (reason: unknown): void => {
      over()
      request.onblocked = null
      request.onupgradeneeded = () => request.transaction?.abort()
      request.onsuccess = () => request.result?.close()
      request.onerror = (event) => event.preventDefault()
      reject(reason)
    }
    const abort = (): void => giveUp(signal?.reason)
    request.onblocked = tell
    request.onsuccess = () => {
      over()
      resolve(request.result)
    }
    request.onerror = () => {
      over()
      reject(request.error)
    }
    signal?.addEventListener('abort', abort, { once: true })
    if (signal?.aborted) abort()
  })
}

export const unavailable = (message: string, cause?: unknown): StorageError =>
  new StorageError('unavailable', message, cause)
