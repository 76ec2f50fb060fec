import Database from 'fake-indexeddb/internal/Database'
import FakeEvent from 'fake-indexeddb/internal/FakeEvent'
import FDBDatabase from 'fake-indexeddb/lib/FDBDatabase'
import FDBOpenDBRequest from 'fake-indexeddb/lib/FDBOpenDBRequest'
import FDBTransaction from 'fake-indexeddb/lib/FDBTransaction'
import FDBVersionChangeEvent from 'fake-indexeddb/lib/FDBVersionChangeEvent'
import { type Actor, current, type Label, type Move, type World } from './world.ts'

/**
 * fake-indexeddb keeps the data; its scheduling is replaced. A transaction lives on two sides, as in a browser: the
 * backend executes requests and commits; the actor is told later, event by event. Any move may happen between the two.
 */

interface Transaction {
  readonly db: Connection
  readonly mode: IDBTransactionMode
  readonly durability: string
  readonly _scope: Set<string>
  readonly _rollbackLog: (() => void)[]
  readonly _requests: { request: any; operation: () => unknown }[]
  _state: 'active' | 'inactive' | 'committing' | 'finished'
  _started: boolean
  error: DOMException | null
  readonly id: number
  /** The step that executes its requests and commits it. */
  readonly move: Move
  readonly actor: Actor
  /** Events that were not delivered to the actor yet. */
  readonly undelivered: Set<Delivery>
  /** No request can be added any more; the backend commits once all are executed. */
  closing: boolean
  readonly openRequest?: any
  outcome?: 'committed' | 'aborted'
  told?: boolean
  _abort(name: string | null): void
  dispatchEvent(event: unknown): boolean
}
interface Connection {
  readonly _rawDatabase: RawDatabase
  _closePending: boolean
  _closed: boolean
  _runningVersionchangeTransaction: boolean
  version: number
  readonly id: number
  readonly actor: Actor
  /** The backend has ended, and the actor does not know yet. */
  lost: boolean
  dispatchEvent(event: unknown): boolean
}
export interface RawDatabase {
  readonly name: string
  version: number
  transactions: Transaction[]
  connections: Connection[]
  readonly rawObjectStores: Map<string, RawStore>
  /** A counter of databases of this name, for traces. */
  readonly incarnation: number
  deleted: boolean
}
interface RawRecord {
  readonly key: any
  value: any
}
interface RawStore {
  readonly records: { values(range?: unknown): Iterable<RawRecord>; get(key: unknown): RawRecord | undefined }
}
/** The values that the browser lost. */
const lostValues = new WeakMap<object, unknown>()
const originalOf = ({ value }: RawRecord): any => lostValues.get(value) ?? value
/** The values of a store, including lost ones. */
export const readStore = ({ rawObjectStores }: RawDatabase, name: string): readonly RawRecord[] =>
  Array.from(rawObjectStores.get(name)!.records.values(), (record) =>
    lostValues.has(record.value) ? { key: record.key, value: originalOf(record) } : record,
  )
export const readValue = ({ rawObjectStores }: RawDatabase, name: string, key: unknown): any => {
  const record = rawObjectStores.get(name)!.records.get(key)
  return record && originalOf(record)
}
interface Delivery {
  cancelled: boolean
  request?: any
  value?: unknown
  error?: any
}
interface Opening {
  readonly name: string
  readonly kind: 'open' | 'delete'
  readonly actor: Actor
  readonly request: any
  readonly version: number
  state: 'waiting' | 'running' | 'done'
  /** Connections that did not receive `versionchange` yet. */
  asked?: number
  isUpgrading?: boolean
}

export interface Storage {
  readonly databases: ReadonlyMap<string, RawDatabase>
  readonly factory: IDBFactory
  /** Called for each commit with the stores to which it wrote, before any actor knows. */
  committed:
    | ((database: RawDatabase, stores: ReadonlySet<string>, transaction: Pick<Transaction, 'actor' | 'mode'>) => void)
    | undefined
  /** The database of the last connection of an actor. */
  readonly opened: Map<Actor, RawDatabase>
  connectionsOf(actor: Actor): readonly { readonly id: number; readonly database: RawDatabase }[]
  /** Whether an actor has an unfinished transaction, whose outcome it can't know yet. */
  owes(actor: Actor): boolean
  /** The backend drops a connection. Requests in flight may have been applied or not. */
  lose(connection: number): void
  /** Clears the storage while pages use it. */
  wipe(name: string): void
  /** A page outside the simulation deletes the database, as the platform does it. */
  delete(name: string): void
  /** The browser loses the file of one value, and reads of the value fail. Returns the key, or undefined if there is no value. */
  loseValue(name: string, store: string, n: number): unknown
  /** Keys of values that are lost and were not deleted or written again. */
  lostIn(name: string, store: string): readonly any[]
  /** A page of a former deploy keeps its connection open until the given moment, even if it is asked to close. */
  block(name: string, until: number): void
  /** Closes every page that `block` keeps open. */
  unblock(): void
}

let ids = 0

export function createStorage(w: World): Storage {
  const databases = new Map<string, RawDatabase>()
  const queues = new Map<string, Opening[]>()
  /** Databases with transactions. A deleted database may still have some. */
  const busy = new Set<RawDatabase>()
  let incarnations = 0
  /** Databases that the browser lost. The next open reports the loss. */
  const lost = new Set<string>()
  ids = 0

  const storage: Storage = {
    databases,
    opened: new Map(),
    committed: undefined,
    factory: {
      open: (name: string, version?: number) => enqueue('open', name, version ?? 0),
      deleteDatabase: (name: string) => enqueue('delete', name, 0),
      cmp() {
        throw new Error('not simulated')
      },
      databases: async () => [...databases.values()].map(({ name, version }) => ({ name, version })),
    } as unknown as IDBFactory,
    connectionsOf: (actor) =>
      [...databases.values()].flatMap((database) =>
        database.connections
          .filter((connection) => connection.actor === actor && !connection._closePending)
          .map(({ id }) => ({ id, database })),
      ),
    owes: (actor) =>
      [...busy].some(({ transactions }) => transactions.some(({ db }) => db.actor === actor)) ||
      [...actor.lanes.values()].some(({ tasks }) => tasks.length > 0),
    lose(id) {
      for (const database of databases.values())
        for (const connection of database.connections) if (connection.id === id) lose(connection)
    },
    wipe(name) {
      const database = databases.get(name)
      if (!database) return
      for (const connection of [...database.connections]) lose(connection)
      drop(database)
      lost.add(name)
    },
    delete(name) {
      enqueue('delete', name, 0, outside)
    },
    loseValue(name, store, n) {
      const records = [...(databases.get(name)?.rawObjectStores.get(store)?.records.values() ?? [])]
      const record = records[n % (records.length || 1)]
      if (!record || lostValues.has(record.value)) return
      const { key, value } = record
      // Every read clones the value, and cloning this one throws.
      record.value = Object.defineProperty({}, 'lost', {
        enumerable: true,
        get() {
          w.hit(`a lost value of ${store} is read`)
          throw new DOMException('Data lost due to missing file. The record is irrecoverable.', 'NotReadableError')
        },
      })
      lostValues.set(record.value, value)
      return key
    },
    lostIn: (name, store) =>
      [...(databases.get(name)?.rawObjectStores.get(store)?.records.values() ?? [])]
        .filter(({ value }) => typeof value === 'object' && lostValues.has(value))
        .map(({ key }) => key),
    block(name, until) {
      const database = databases.get(name)
      if (!database?.version) return
      const connection: Connection = Object.assign(new FDBDatabase(database), {
        id: ++ids,
        actor: outside,
        lost: false,
      })
      blocking.set(connection, until)
    },
    unblock() {
      for (const connection of blocking.keys()) blocking.set(connection, 0)
    },
  }
  /** The pages that ignore `versionchange`, and when they close. */
  const blocking = new Map<Connection, number>()
  const outside: Actor = {
    name: 'user',
    kind: 'tab',
    alive: true,
    frozen: false,
    deaf: false,
    hidden: false,
    lanes: new Map(),
    timers: new Map(),
    ends: new Set(),
  }

  function drop(database: RawDatabase): void {
    database.deleted = true
    if (databases.get(database.name) === database) databases.delete(database.name)
    w.hit('database deleted')
  }

  function enqueue(kind: Opening['kind'], name: string, version: number, actor: Actor = current()): any {
    const request = new FDBOpenDBRequest()
    const queue = queues.get(name) ?? []
    queues.set(name, queue)
    queue.push({ name, kind, actor, request, version, state: 'waiting' })
    if (actor !== outside) w.asked(actor, kind)
    return request
  }

  w.sources.push((add) => {
    for (const [connection, until] of blocking) {
      if (until > w.now) continue
      blocking.delete(connection)
      connection._closePending = true
      closeIfIdle(connection)
    }
    for (const queue of queues.values()) {
      while (queue[0] && (queue[0].state === 'done' || !queue[0].actor.alive)) queue.shift()
      const opening = queue[0]
      if (!opening) continue
      const { name } = opening
      if (opening.state === 'waiting')
        add(
          backend(`open ${name}`, `${opening.kind} of ${opening.actor.name}`, () =>
            isClosing(name, opening) ? askToClose(name, opening) : open(name, opening),
          ),
        )
      else if (isClosing(name, opening) && !databases.get(name)?.connections.length)
        add(
          backend(`open ${name}`, `database ${opening.kind === 'open' ? 'upgraded' : 'deleted'}`, () =>
            opening.kind === 'open' ? open(name, opening) : remove(name, opening),
          ),
        )
      else if (isClosing(name, opening) && opening.asked === 0)
        add(backend(`open ${name}`, 'database blocked', () => tellBlocked(opening)))
    }
    for (const database of busy) {
      if (!database.transactions.length) busy.delete(database)
      for (const tx of database.transactions) {
        if (tx._state === 'finished' || !(tx._started || mayStart(database, tx))) continue
        if (tx._requests.length || tx.closing) add(tx.move)
      }
    }
  })

  /** Whether a request needs all connections to be closed. */
  const isClosing = (name: string, { kind, version, isUpgrading }: Opening): boolean => {
    const now = databases.get(name)?.version ?? 0
    return kind === 'delete' || (now > 0 && version > now && !isUpgrading)
  }

  function backend(key: string, label: Label, run: () => void): Move {
    return { key, label, run }
  }

  function open(name: string, opening: Opening) {
    const { actor, request } = opening
    opening.state = 'running'
    let database = databases.get(name)
    if (!database) {
      const made: RawDatabase = new Database(name, 0)
      database = Object.assign(made, { incarnation: ++incarnations, deleted: false })
      databases.set(name, database)
    }
    const version = opening.version || database.version || 1
    if (database.version > version)
      return answer(opening, () => {
        request.error = new DOMException('a newer version', 'VersionError')
        tell(request, 'error')
      })
    const connection: Connection = Object.assign(new FDBDatabase(database), { id: ++ids, actor, lost: false })
    const ended = (): void => crash(connection)
    actor.ends.add(ended)
    if (database.version === version) {
      return answer(opening, () => {
        if (connection.lost || database.deleted) {
          request.error = new DOMException('Connection lost', 'UnknownError')
          tell(request, 'error')
        } else {
          request.result = connection
          storage.opened.set(actor, connection._rawDatabase)
          tell(request, 'success')
        }
      })
    }
    opening.isUpgrading = true
    const before = database.version
    const made = database
    w.post(actor, `idb ${connection.id}`, 'upgradeneeded', () => {
      if (connection.lost || made.deleted) {
        opening.state = 'done'
        request.readyState = 'done'
        request.error = new DOMException('Connection lost', 'UnknownError')
        return tell(request, 'error')
      }
      connection._runningVersionchangeTransaction = true
      made.version = connection.version = version
      const tx: Transaction = (connection as any).transaction(
        [...(connection as any).objectStoreNames],
        'versionchange',
      )
      tx._rollbackLog.push(() => {
        made.version = connection.version = before
      })
      tx._started = true
      ;(tx as any).openRequest = request
      ;(tx as any).opening = opening
      request.readyState = 'done'
      request.result = connection
      request.transaction = tx
      tell(request, 'upgradeneeded', { oldVersion: before, newVersion: version }, lost.has(name) ? 'total' : 'none')
      lost.delete(name)
    })
  }

  function answer(opening: Opening, run: () => void): void {
    w.post(opening.actor, 'idb open', `${opening.kind} answered`, () => {
      opening.state = 'done'
      opening.request.readyState = 'done'
      run()
    })
  }

  function askToClose(name: string, opening: Opening): void {
    opening.state = 'running'
    opening.asked = 0
    for (const connection of databases.get(name)?.connections ?? []) {
      if (connection._closePending || connection.actor === outside) continue
      opening.asked++
      w.post(connection.actor, `idb ${connection.id}`, 'versionchange', () => {
        opening.asked!--
        if (connection._closed || connection.lost) return
        const event = new FDBVersionChangeEvent('versionchange', { oldVersion: connection.version, newVersion: null })
        connection.dispatchEvent(event)
      })
    }
  }

  function tellBlocked(opening: Opening): void {
    delete opening.asked
    if (opening.actor === outside) return
    w.hit('deletion blocked')
    w.post(opening.actor, 'idb open', 'blocked', () =>
      tell(opening.request, 'blocked', { oldVersion: 1, newVersion: null }),
    )
  }

  function remove(name: string, opening: Opening): void {
    const database = databases.get(name)
    if (database) drop(database)
    if (opening.actor === outside) opening.state = 'done'
    else
      answer(opening, () => {
        opening.request.result = undefined
        tell(opening.request, 'success', { oldVersion: 1, newVersion: null })
      })
  }

  const conflict = (a: Transaction, b: Transaction): boolean =>
    a !== b && (a.mode !== 'readonly' || b.mode !== 'readonly') && [...a._scope].some((store) => b._scope.has(store))

  function mayStart({ transactions }: RawDatabase, tx: Transaction): boolean {
    for (const other of transactions) {
      if (other === tx) return true
      if (other._state !== 'finished' && conflict(other, tx)) return false
    }
    return true
  }

  const describe = (tx: Transaction): string =>
    `tx${tx.id} ${tx.actor.name} ${tx.mode} ${[...tx._scope].map((store) => store.slice(0, 4))}`

  /** Recognises a read by the name of its function in fake-indexeddb. */
  const isRead = ({ name }: { readonly name: string }): boolean => /^bound (get|_iterate|count)/.test(name)
  const isCleanUp = ({ _scope }: Transaction): boolean =>
    _scope.size === 2 && _scope.has('commits') && _scope.has('commands')

  function execute(tx: Transaction) {
    tx._started = true
    if (tx.db.lost) return abort(tx, new DOMException('Connection lost', 'UnknownError'))
    const { faults, random } = w
    if (tx.mode === 'readwrite' && isCleanUp(tx) && random.chance(faults.cleanUp)) {
      w.hit('gone before the clean-up')
      w.say('is gone before what fell under the seal is taken out', tx.actor)
      return random.below(3) ? lose(tx.db) : w.kill(tx.actor)
    }
    while (tx._requests.length) {
      const { request, operation } = tx._requests.shift()!
      if (!request.source) {
        operation()
        continue
      }
      const delivery: Delivery = { cancelled: false, request }
      try {
        if (
          w.now < faults.reads.until &&
          tx.mode !== 'versionchange' &&
          isRead(operation) &&
          w.strikes('reads', tx.actor)
        ) {
          w.hit('a read failed')
          throw new DOMException('Internal error retrieving the value', 'UnknownError')
        }
        delivery.value = operation()
      } catch (error) {
        delivery.error = error
        deliver(tx, delivery)
        // It was committed explicitly, so preventDefault() can not save it.
        if (tx.closing) return abort(tx, error as DOMException)
        continue
      }
      deliver(tx, delivery)
    }
    if (!tx.closing) return
    if (tx.mode === 'readwrite') {
      if (random.chance(faults.quota)) {
        w.hit('quota')
        return abort(tx, new DOMException('no space', 'QuotaExceededError'))
      }
      if (random.chance(faults.abort)) {
        w.hit('transaction aborted')
        return abort(tx, new DOMException('the disk said no', 'UnknownError'))
      }
      const lost = random.chance(faults.lose)
      if (lost || random.chance(faults.crash)) {
        const { actor, db } = tx
        if (random.below(2)) {
          finish(tx, 'committed')
          tellOutcome(tx)
        }
        w.say(lost ? 'loses its connection as it commits' : 'crashes as it commits', actor)
        if (lost) return lose(db)
        w.hit(`${actor.kind} crashed as it committed`)
        return w.kill(actor)
      }
    }
    finish(tx, 'committed')
    tellOutcome(tx)
  }

  function finish(tx: Transaction, outcome: 'committed' | 'aborted'): void {
    const { db } = tx
    const { _rawDatabase: database } = db
    tx.outcome = outcome
    tx._state = 'finished'
    tx.closing = true
    database.transactions.splice(database.transactions.indexOf(tx), 1)
    if (outcome === 'aborted') for (const undo of tx._rollbackLog.reverse()) undo()
    if (tx.mode === 'versionchange') {
      db._runningVersionchangeTransaction = false
      if (outcome === 'aborted') {
        db._closePending = true
        if (!database.version && databases.get(database.name) === database) databases.delete(database.name)
      }
    }
    closeIfIdle(db)
    if (outcome === 'committed' && tx.mode !== 'readonly') storage.committed?.(database, tx._scope, tx)
  }

  /** Delivers the last event: complete or abort. */
  function tellOutcome(tx: Transaction): void {
    const { openRequest, opening } = tx as any
    const delivery: Delivery = { cancelled: false }
    tx.undelivered.add(delivery)
    w.post(
      tx.actor,
      `idb ${tx.db.id}`,
      () => `tx${tx.id} ${tx.outcome === 'committed' ? 'complete' : 'abort'}`,
      () => {
        tx.undelivered.delete(delivery)
        if (tx.told) return
        tx.told = true
        const committed = tx.outcome === 'committed'
        const event = new FakeEvent(committed ? 'complete' : 'abort', { bubbles: !committed, cancelable: false })
        if (!committed) event.eventPath = [tx.db]
        if (openRequest) openRequest.transaction = null
        dispatch(tx, event)
        if (!openRequest) return
        w.post(tx.actor, `idb ${tx.db.id}`, 'open answered', () => {
          opening.state = 'done'
          if (committed && !tx.db.lost && !tx.db._closePending) {
            storage.opened.set(tx.actor, tx.db._rawDatabase)
            return tell(openRequest, 'success')
          }
          openRequest.result = undefined
          openRequest.error = new DOMException('the upgrade was aborted', 'AbortError')
          tell(openRequest, 'error')
        })
      },
    )
  }

  function deliver(tx: Transaction, delivery: Delivery): void {
    const { request } = delivery
    tx.undelivered.add(delivery)
    w.post(
      tx.actor,
      `idb ${tx.db.id}`,
      () => `tx${tx.id} ${delivery.error ? 'error' : 'success'}`,
      () => {
        if (delivery.cancelled) return true
        tx.undelivered.delete(delivery)
        const { error } = delivery
        request.readyState = 'done'
        request.result = error ? undefined : delivery.value
        request.error = error
        if (tx._state === 'inactive') tx._state = 'active'
        touched.add(tx)
        if (!error && !request.onsuccess && !request.listeners.length) return true
        const event = new FakeEvent(error ? 'error' : 'success', { bubbles: !!error, cancelable: !!error })
        event.eventPath = [tx.db, tx]
        dispatch(request, event)
        if (error && !event.canceled && tx._state !== 'finished') tx._abort(error.name)
        return
      },
    )
  }

  /** The backend aborts a transaction. */
  function abort(tx: Transaction, error: DOMException | null): void {
    for (const { request } of tx._requests.splice(0))
      if (request.source) deliver(tx, { cancelled: false, request, error: new DOMException('aborted', 'AbortError') })
    finish(tx, 'aborted')
    tx.error = error
    tellOutcome(tx)
  }

  /** The actor aborts a transaction. Requests without an answer fail with AbortError. */
  abortOf = (tx, error) => {
    for (const delivery of tx.undelivered) {
      delivery.error = new DOMException('aborted', 'AbortError')
    }
    abort(tx, error)
  }

  function closeIfIdle(connection: Connection): void {
    const { _rawDatabase: database } = connection
    if (!connection._closePending || database.transactions.some(({ db }) => db === connection)) return
    connection._closed = true
    database.connections = database.connections.filter((other) => other !== connection)
  }
  closeOf = (connection) => {
    connection._closePending = true
    closeIfIdle(connection)
  }

  /** After an explicit commit, the backend may or may not have applied the transaction. */
  function giveUp({ _rawDatabase: database }: Connection, connection: Connection): Transaction[] {
    const open = database.transactions.filter(({ db }) => db === connection)
    for (const tx of open) {
      if (tx.closing && w.random.below(2) && mayStart(database, tx)) {
        try {
          for (const { request, operation } of tx._requests.splice(0)) if (request.source) operation()
          finish(tx, 'committed')
          w.hit('committed, and nobody was told')
        } catch {
          finish(tx, 'aborted')
        }
      } else finish(tx, 'aborted')
    }
    return open
  }

  function crash(connection: Connection): void {
    giveUp(connection, connection)
    connection._closePending = true
    closeIfIdle(connection)
  }

  function lose(connection: Connection) {
    if (connection._closed || connection.lost) return
    w.hit('connection lost')
    const { actor } = connection
    const lane = actor.lanes.get(`idb ${connection.id}`)
    const finished = [...toldLater(connection)]
    const open = giveUp(connection, connection)
    connection.lost = true
    if (lane) {
      const kept = lane.tasks.filter(({ label }) => label === 'upgradeneeded' || label === 'open answered')
      lane.tasks.splice(0, Number.POSITIVE_INFINITY, ...kept)
      if (!kept.length) actor.lanes.delete(`idb ${connection.id}`)
    }
    for (const tx of new Set([...finished, ...open])) {
      // The actor gets only this error, whether or not the transaction was applied.
      tx.outcome = 'aborted'
      tx.error = new DOMException('Connection to Indexed Database server lost', 'UnknownError')
      for (const { request } of [...tx.undelivered, ...tx._requests.splice(0)])
        if (request?.source)
          deliver(tx, { cancelled: false, request, error: new DOMException('Connection lost', 'UnknownError') })
      tellOutcome(tx)
    }
    const { _rawDatabase: database } = connection
    database.connections = database.connections.filter((other) => other !== connection)
    w.post(actor, `idb ${connection.id}`, 'connection closed', () => {
      connection._closePending = connection._closed = true
      const event = new FakeEvent('close', { bubbles: false, cancelable: false })
      dispatch(connection, event)
    })
  }

  function toldLater(connection: Connection): Iterable<Transaction> {
    return [...all].filter((tx) => tx.db === connection && tx.outcome && !tx.told)
  }

  const touched = new Set<Transaction>()
  const all = new Set<Transaction>()
  moveOf = (tx, actor) => ({ key: `tx ${actor.name}`, label: () => `${describe(tx)} executes`, run: () => execute(tx) })
  createdOf = (tx) => {
    w.asked(tx.actor, `${tx.mode} ${[...tx._scope]}`)
    busy.add(tx.db._rawDatabase)
    touched.add(tx)
    all.add(tx)
    if (all.size > 500) for (const old of all) if (old.told) all.delete(old)
  }
  w.after.push(() => {
    // A transaction is active in the task that created it and in its events, and commits when no request is left.
    for (const tx of touched) {
      if (tx._state === 'active') tx._state = 'inactive'
      if (tx._state === 'committing') tx.closing = true
    }
    for (const tx of touched) if (!tx._requests.length && !tx.undelivered.size) tx.closing = true
    touched.clear()
  })

  function dispatch(target: { dispatchEvent(event: unknown): boolean }, event: any): void {
    try {
      target.dispatchEvent(event)
    } catch (error) {
      const [first] = (error as AggregateError).errors ?? [error]
      w.violation ??= Object.assign(first as Error, { message: `an event handler threw: ${(first as Error).message}` })
    }
  }

  function tell(request: any, type: string, versions?: object, dataLoss?: string): void {
    const event = versions ? new FDBVersionChangeEvent(type, versions) : new FakeEvent(type)
    dispatch(request, Object.assign(event, dataLoss && { dataLoss }))
  }

  return storage
}

let moveOf: (tx: Transaction, actor: Actor) => Move
let createdOf: (tx: Transaction) => void
let abortOf: (tx: Transaction, error: DOMException | null) => void
let closeOf: (connection: Connection) => void

const native = FDBDatabase.prototype.transaction
FDBDatabase.prototype.transaction = function (this: Connection, ...args: unknown[]) {
  const tx: Transaction = native.apply(this, args)
  Object.assign(tx, {
    id: ++ids,
    move: moveOf(tx, current()),
    actor: current(),
    undelivered: new Set(),
    closing: false,
  })
  createdOf(tx)
  return tx
}
FDBDatabase.prototype.close = function (this: Connection) {
  closeOf(this)
}
FDBTransaction.prototype._abort = function (this: Transaction, name: string | null) {
  abortOf(this, name === null ? null : new DOMException('aborted', name))
}
const commit = FDBTransaction.prototype.commit
FDBTransaction.prototype.commit = function (this: Transaction) {
  commit.call(this)
  this.closing = true
}
Database.prototype.processTransactions = () => {}
