import 'fake-indexeddb/auto'

const settled = <T>(request: IDBRequest<T>): Promise<T> =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result)
    request.onerror = () => reject(request.error)
  })

type Stores = (name: string) => IDBObjectStore

/** One transaction over every store, past the library: what a test reads or breaks by hand. */
export async function inDatabase<T>(engine: string, body: (store: Stores) => T): Promise<Awaited<T>> {
  const database = await settled(indexedDB.open(`tidemark:${engine}`))
  const transaction = database.transaction([...database.objectStoreNames], 'readwrite')
  const done = new Promise<void>((resolve, reject) => {
    transaction.oncomplete = () => resolve()
    transaction.onabort = () => reject(transaction.error)
  })
  const result = await body((name) => transaction.objectStore(name))
  await done
  database.close()
  return result
}

/** Every key and value of one store. */
export const dump = (engine: string, name: string): Promise<{ key: any; value: any }[]> =>
  inDatabase(engine, async (store) => {
    const keys = settled(store(name).getAllKeys())
    const values = settled(store(name).getAll())
    return (await keys).map(async (key, i) => ({ key, value: (await values)[i] }))
  }).then((all) => Promise.all(all))

export const deleteDatabase = (engine: string): Promise<unknown> =>
  settled(indexedDB.deleteDatabase(`tidemark:${engine}`))

const METHODS = [
  'add',
  'put',
  'get',
  'getKey',
  'getAll',
  'getAllKeys',
  'delete',
  'clear',
  'count',
  'openCursor',
  'openKeyCursor',
] as const

export interface Traffic {
  readonly transactions: {
    readonly stores: readonly string[]
    readonly mode: string
    readonly durability: string | undefined
  }[]
  /** `method store` of every request; a cursor's steps count as requests, too. */
  readonly requests: string[]
  /** The values, not the keys, that were read from `commits`, `segments` and `bodies`. */
  readonly read: { readonly store: string; readonly value: any }[]
  stop(): unknown
}

/** Watches every transaction and request of this page until `stop()`. */
export function watchTraffic(): Traffic {
  const traffic: Traffic = {
    transactions: [],
    requests: [],
    read: [],
    stop: () => restore.splice(0).map((one) => one()),
  }
  const restore: (() => void)[] = []
  const patch = (
    prototype: any,
    method: string,
    make: (before: (...given: any[]) => any) => (...given: any[]) => any,
  ): void => {
    const before = prototype[method]
    prototype[method] = make(before)
    restore.push(() => (prototype[method] = before))
  }
  patch(
    IDBDatabase.prototype,
    'transaction',
    (before) =>
      function (this: IDBDatabase, stores: any, mode: any, options: any) {
        traffic.transactions.push({ stores: [stores].flat(), mode, durability: options?.durability })
        return before.call(this, stores, mode, options)
      },
  )
  for (const method of METHODS)
    patch(
      IDBObjectStore.prototype,
      method,
      (before) =>
        function (this: IDBObjectStore, ...args: unknown[]) {
          traffic.requests.push(`${method} ${this.name}`)
          const request: IDBRequest = before.apply(this, args)
          const { name } = this
          if (name === 'commits' || name === 'segments' || name === 'bodies')
            request.addEventListener('success', () => {
              if (method === 'get' || method === 'getAll')
                for (const value of [request.result].flat())
                  if (value !== undefined) traffic.read.push({ store: name, value })
              if (method === 'openCursor' && request.result)
                traffic.read.push({ store: name, value: request.result.value })
            })
          return request
        },
    )
  patch(
    IDBCursor.prototype,
    'continue',
    (before) =>
      function (this: IDBCursor, ...args: unknown[]) {
        traffic.requests.push(`continue ${(this.source as IDBObjectStore).name}`)
        return before.apply(this, args)
      },
  )
  return traffic
}

/** Lets a test make requests and transactions fail, until `stop()`. */
export function faults(): {
  /** Called before every write. If it throws, the request's method throws the same. */
  onWrite: ((store: string, value: any, key: any, transaction: IDBTransaction) => void) | undefined
  /** Called with each new transaction. */
  onTransaction: ((transaction: IDBTransaction, stores: readonly string[], mode: string) => void) | undefined
  stop(): void
} {
  const { transaction } = IDBDatabase.prototype
  const { add, put } = IDBObjectStore.prototype
  const self: ReturnType<typeof faults> = {
    onWrite: undefined,
    onTransaction: undefined,
    stop() {
      IDBDatabase.prototype.transaction = transaction
      Object.assign(IDBObjectStore.prototype, { add, put })
    },
  }
  IDBDatabase.prototype.transaction = function (stores, mode, options) {
    const made = transaction.call(this, stores, mode, options)
    self.onTransaction?.(made, [stores].flat() as string[], mode ?? 'readonly')
    return made
  }
  for (const [method, before] of Object.entries({ add, put }))
    IDBObjectStore.prototype[method as 'add'] = function (value: any, key?: any) {
      self.onWrite?.(this.name, value, key, this.transaction)
      return before.call(this, value, key)
    }
  return self
}

const aborted = new WeakSet<IDBTransaction>()

/** Aborts a transaction as a full disk does: no request fails, and only the abort has the error. */
export function abortWith(transaction: IDBTransaction, name: string): void {
  const error = new DOMException('by the test', name)
  Object.defineProperty(transaction, 'error', { get: () => error, set() {} })
  transaction.commit = () => {}
  setImmediate(() => {
    // Aborts once, though a test may call this for each of several writes.
    if (aborted.has(transaction)) return
    aborted.add(transaction)
    try {
      transaction.abort()
    } catch {
      // The library has aborted it already.
    }
  })
}

/** Lets a transaction commit, and tells its caller that the connection was lost. */
export function loseAnswer(transaction: IDBTransaction): void {
  holdAnswer(transaction, undefined)
}

/** Lets a transaction commit, and tells its caller when `until` settles. If `until` is undefined, the caller gets an abort instead. */
export function holdAnswer(transaction: IDBTransaction, until: Promise<void> | undefined): void {
  const told: Record<string, ((event: Event) => void) | null> = {}
  for (const name of ['oncomplete', 'onabort'])
    Object.defineProperty(transaction, name, { get: () => null, set: (handler) => (told[name] = handler) })
  const lost = new DOMException('by the test', 'UnknownError')
  transaction.addEventListener('complete', async () => {
    await until
    if (!until) Object.defineProperty(transaction, 'error', { get: () => lost })
    told[until ? 'oncomplete' : 'onabort']?.(new Event('answer'))
  })
  transaction.addEventListener('abort', () => told.onabort?.(new Event('abort')))
}

/**
 * The next read of all commits is answered by what this gives, after its transaction said that it is complete: so does
 * Chromium where a value is large.
 */
export function answerLate(): Promise<(error?: DOMException) => void> {
  const { getAll } = IDBObjectStore.prototype
  return new Promise((resolve) => {
    IDBObjectStore.prototype.getAll = function (...given) {
      if (this.name !== 'commits') return getAll.apply(this, given)
      IDBObjectStore.prototype.getAll = getAll
      const request = getAll.apply(this, given)
      const told: Record<string, (() => void) | null> = {}
      for (const name of ['onsuccess', 'onerror'])
        Object.defineProperty(request, name, { get: () => null, set: (handler) => (told[name] = handler) })
      let readyState = 'pending'
      Object.defineProperty(request, 'readyState', { get: () => readyState, set() {} })
      const answer = (error?: DOMException): void => {
        readyState = 'done'
        if (error) Object.defineProperties(request, { error: { value: error }, result: { value: undefined } })
        told[error ? 'onerror' : 'onsuccess']?.()
      }
      this.transaction.addEventListener('complete', () => setTimeout(() => resolve(answer)))
      return request
    }
  })
}

/** Appends, as opposed to page writes and the rest. */
export const isAppend = (stores: readonly string[], mode: string): boolean =>
  mode === 'readwrite' && stores.includes('commits') && stores.includes('types') && !stores.includes('pages')

/**
 * One value whose file the browser has lost: a read of it fails with its whole transaction, until it is deleted or written
 * again. Tells how often it was read.
 */
export function loseValue(store: string, key: IDBValidKey): { readonly reads: number; stop(): void } {
  const proto = IDBObjectStore.prototype
  const { get, getAll, delete: remove, clear, put } = proto
  const lost = { reads: 0, stop: () => void Object.assign(proto, { get, getAll, delete: remove, clear, put }) }
  let isLost = true
  const covers = (query: IDBValidKey | IDBKeyRange | null | undefined): boolean =>
    query == null || (query instanceof IDBKeyRange ? query.includes(key) : indexedDB.cmp(query, key) === 0)
  /** As in the browser: the request fails, and with it its transaction, unless somebody prevents that. */
  const refused = (on: any, query: IDBValidKey | IDBKeyRange | null | undefined): IDBRequest | undefined => {
    if (!isLost || on.name !== store || !covers(query)) return
    lost.reads++
    const operation = (): never => {
      throw new DOMException('Data lost due to missing file.', 'NotReadableError')
    }
    return on.transaction._execRequestAsync({ operation, source: on })
  }
  proto.get = function (query) {
    return refused(this, query) ?? get.call(this, query)
  }
  proto.getAll = function (query, ...rest) {
    return refused(this, query as IDBKeyRange) ?? getAll.call(this, query, ...rest)
  }
  proto.delete = function (query) {
    if (this.name === store && covers(query)) isLost = false
    return remove.call(this, query)
  }
  proto.clear = function () {
    if (this.name === store) isLost = false
    return clear.call(this)
  }
  proto.put = function (value, at) {
    if (this.name === store && at !== undefined && indexedDB.cmp(at, key) === 0) isLost = false
    return put.call(this, value, at)
  }
  return lost
}
