import { defineEvents, defineModel, event, openEngine, projection, table, value } from 'tidemark'
import { spans } from 'tidemark/tools'
import { expect, test } from 'vitest'
import { wire } from '../engine/channel.ts'
import { atEnd, broken, quiet, tab, traffic } from '../engine/kit.ts'
import { freshName, shown } from '../engine/todos.ts'
import { openDatabase, seal } from '../log/rooms.ts'
import { dump, holdAnswer, inDatabase, type Traffic } from '../log/storage.ts'
import { type AnyModel, createFolds, readSnapshot } from './rooms.ts'

const events = defineEvents({ moved: event<{ id: string; by: number }>() })
/** Ten rows, however long the log. */
const counters = () =>
  defineModel({
    name: 'counters',
    events,
    projections: {
      sums: projection(events, {
        into: table<{ id: string; sum: number }>('id'),
        evolve: { moved: (row, { data: { id, by } }) => ({ id, sum: (row?.sum ?? 0) + by }) },
      }),
      total: projection(events, { into: value(0), evolve: { moved: (sum, { data: { by } }) => sum + by } }),
    },
    commands: {
      move: (_, { times }: { times: number }) =>
        Array.from({ length: times }, (_, i) => events.moved({ id: `r${i % 10}`, by: 1 })),
    },
  })

async function recorded(total: number, perCommand: number): Promise<string> {
  const name = freshName()
  const engine = await openEngine(counters(), { name })
  for (let i = 0; i < total / perCommand; i++) await engine.dispatch.move({ times: perCommand })
  await engine.projected()
  await engine.close()
  return name
}

/** The exact requests of one boot, until `openEngine` resolves. */
async function boot(name: string) {
  await quiet()
  const watched = traffic()
  const engine = await openEngine(counters(), { name })
  watched.stop()
  return { watched, engine }
}

/** From now on every write of a pipeline fails. */
const stopPages = (): void => {
  broken().onWrite = (store) => {
    if (store === 'pages' || store === 'checkpoints') throw new DOMException('not now', 'AbortError')
  }
}

test('the IndexedDB requests of a boot do not grow with the log: the same at 10 and at 100,000 events', async () => {
  const small = await boot(await recorded(10, 1))
  const large = await boot(await recorded(100_000, 1000))
  const exact = ({ requests, transactions }: Traffic) => ({ requests, transactions })
  expect(exact(large.watched)).toEqual(exact(small.watched))
  expect(small.watched.transactions).toHaveLength(1)
  expect(small.watched.requests.length).toBeLessThanOrEqual(9)
  expect(large.engine.status).toMatchObject({ sequence: 100_000, projected: 100_000 })
  expect(large.engine.read.total.value).toBe(100_000)
  expect(large.engine.read.sums.all()).toHaveLength(10)
  await Promise.all([small.engine.close(), large.engine.close()])
}, 60_000)

test('rule 17: boot is one read transaction over checkpoints, pages, types and the tail', async () => {
  const { watched, engine } = await boot(await recorded(10, 1))
  expect(watched.transactions.map(({ mode }) => mode)).toEqual(['readonly'])
  expect(watched.transactions[0]!.stores).toEqual(
    expect.arrayContaining(['checkpoints', 'pages', 'types', 'commits', 'segments']),
  )
  await engine.close()
})

/** Notes in a boot's traffic when the checkpoints are answered. */
function noteAnswer({ requests }: Traffic): void {
  const { getAll } = IDBObjectStore.prototype
  IDBObjectStore.prototype.getAll = function (this: IDBObjectStore, ...given) {
    const request = getAll.apply(this, given)
    if (this.name === 'checkpoints') request.addEventListener('success', () => requests.push('answer'))
    return request
  }
  atEnd(() => (IDBObjectStore.prototype.getAll = getAll))
}

test('boot asks for its pages before it knows the checkpoints, and again only for builds that a rebuild has named', async () => {
  const name = await recorded(10, 1)
  await quiet()
  const watched = traffic()
  noteAnswer(watched)
  const first = await openEngine(counters(), { name })
  const before = [...watched.requests]
  expect(before.slice(before.indexOf('answer'))).toEqual(['answer', 'getAll commits', 'getAll types'])
  expect(before.filter((one) => one === 'getAll pages')).toHaveLength(2)
  await first.rebuild()
  await first.close()
  await quiet()
  watched.requests.length = 0
  const second = await openEngine(counters(), { name })
  expect(watched.requests.slice(watched.requests.indexOf('answer'))).toEqual([
    'answer',
    'getAll pages',
    'getAll pages',
    'getAll commits',
    'getAll types',
  ])
  expect(second.read.sums.all()).toEqual(first.read.sums.all())
  await second.close()
})

test('boot has its rows with the last value that it asked for: it does not wait for the end of the transaction', async () => {
  const name = await recorded(30, 3)
  await quiet()
  let end = (): void => {}
  const held = new Promise<void>((resolve) => (end = resolve))
  let reads = 0
  broken().onTransaction = (transaction, stores, mode) => {
    if (mode === 'readonly' && stores.includes('pages') && !reads++) holdAnswer(transaction, held)
  }
  const engine = await openEngine(counters(), { name })
  expect(reads).toBe(1)
  expect(engine.read.total.value).toBe(30)
  expect(engine.read.sums.size).toBe(3)
  end()
  await engine.close()
})

test('a connection that is lost after the last value costs a boot no rows and no second read', async () => {
  const name = await recorded(30, 3)
  await quiet()
  const database = await openDatabase(name, false)
  // The type of the parameter does not name the model's events.
  const folds = createFolds(counters() as unknown as AnyModel)
  let runs = 0
  const lost: typeof database = {
    ...database,
    async transact(...given) {
      await database.transact(...given)
      const again = await database.transact(...given)
      runs = 2
      return again
    },
  }
  const watched = traffic()
  const { checkpoints } = await readSnapshot(lost, folds)
  await expect.poll(() => runs).toBe(2)
  expect(watched.requests.filter((one) => one === 'getAll checkpoints')).toHaveLength(1)
  expect(checkpoints.size).toBe(2)
  expect(folds.map(({ sequence }) => sequence)).toEqual([30, 30])
  expect([...folds[0]!.slots]).toHaveLength(3)
  database.close()
})

test('the page asks for the database one task before it creates the folds, because Chromium opens it in between', async () => {
  const name = await recorded(10, 1)
  let opens = 0
  const { open } = indexedDB
  indexedDB.open = (...given) => {
    opens++
    return open.apply(indexedDB, given)
  }
  atEnd(() => (indexedDB.open = open))
  let observed = false
  const opening = openEngine(counters(), { name, observe: () => (observed = true) } as object)
  for (let i = 0; i < 100; i++) await null
  expect([opens, observed]).toEqual([1, false])
  const engine = await opening
  expect(observed).toBe(true)
  await engine.close()
})

test('guarantee 6: boot reads no commit or segment that ends at or below the lowest checkpoint', async () => {
  const name = await recorded(50, 5)
  const first = await boot(name)
  expect(first.watched.read).toEqual([])
  // A tail of three commits, which no pipeline has persisted.
  stopPages()
  for (let i = 0; i < 3; i++) await first.engine.dispatch.move({ times: 5 })
  await first.engine.close()
  const { watched, engine } = await boot(name)
  expect(watched.read.map(({ store, value }) => [store, value.first])).toEqual([
    ['commits', 51],
    ['commits', 56],
    ['commits', 61],
  ])
  expect(engine.status.sequence).toBe(65)
  expect(engine.read.total.value).toBe(65)
  await engine.close()
})

test('guarantee 6: the catch-up of a boot whose tail needs more than one transaction does not read them either', async () => {
  const name = await recorded(50, 5)
  stopPages()
  const writer = await openEngine(counters(), { name })
  for (let i = 0; i < 300; i++) await writer.dispatch.move({ times: 1 })
  await writer.close()
  const { watched, engine } = await boot(name)
  expect(engine.status.sequence).toBe(350)
  expect(engine.read.total.value).toBe(350)
  for (const { value } of watched.read) expect(value.last).toBeGreaterThan(50)
  await engine.close()
})

test('guarantee 6: boot does not read sealed history', async () => {
  const name = await recorded(40, 4)
  const database = await openDatabase(name, false)
  expect(await seal(database, 40, 40)).toBe(true)
  database.close()
  const { watched, engine } = await boot(name)
  expect(engine.status.sequence).toBe(40)
  expect(watched.read).toEqual([])
  await engine.close()
})

test('a boot that has to read the whole log folds each record once', async () => {
  const name = await recorded(600, 1)
  await inDatabase(name, (store) => {
    store('checkpoints').clear()
    store('pages').clear()
  })
  const phases: string[] = []
  const watched = traffic()
  const engine = await openEngine(counters(), { name, onProgress: ({ phase }) => phases.push(phase) })
  watched.stop()
  expect(engine.read.total.value).toBe(600)
  expect(phases).toContain('snapshot')
  expect(phases.at(-1)).toBe('catch-up')
  await engine.close()
})

/** What an append asks of the log. A pipeline may boot, read the log and write its pages at the same time. */
const ofTheLog = ({ requests, transactions }: Traffic) => ({
  requests: requests.filter((one) => /^(getKey|add|put) (segments|bodies|commits|commands|types)$/.test(one)),
  transactions: transactions.filter(({ stores, mode }) => mode === 'readwrite' && stores.includes('commits')),
})

test('a dispatch costs one transaction with a look-up and an add, and two more puts for a new type', async () => {
  wire()
  const a = await tab(freshName())
  await quiet()
  const watched = traffic()
  await a.dispatch.add({ title: 'x' })
  expect(ofTheLog(watched).requests.slice(0, 3)).toEqual(['getKey segments', 'add commits', 'put types'])
  watched.requests.length = watched.transactions.length = 0
  await a.dispatch.add({ title: 'y' })
  expect(ofTheLog(watched).requests).toEqual(['getKey segments', 'add commits'])
  watched.requests.length = watched.transactions.length = 0
  await a.dispatch.add({ title: 'z' }, { commandId: 'id' })
  const last = ofTheLog(watched)
  expect(last.requests).toEqual(['getKey segments', 'add commits', 'add commands'])
  expect(last.transactions).toHaveLength(1)
})

test('a thousand dispatches in one turn cost one or two transactions', async () => {
  wire()
  const a = await tab(freshName())
  await a.dispatch.add({ title: 'first' })
  await quiet()
  const watched = traffic()
  await Promise.all(Array.from({ length: 1000 }, () => a.dispatch.add({ title: 'x' })))
  expect(
    watched.transactions.filter(({ mode, stores }) => mode === 'readwrite' && stores.includes('commits')).length,
  ).toBeLessThanOrEqual(2)
})

test('a commit of another tab costs no request if its message can be applied', async () => {
  const name = freshName()
  const net = wire()
  const a = await tab(name)
  // A pipeline reads the log, too, so tab and pipeline are told apart: a tab that reads it catches up.
  const did: string[] = []
  const b = await tab(name, {}, { observe: spans((span) => did.push(span.name)) })
  await a.dispatch.add({ title: 'x' })
  await expect.poll(() => b.status.sequence).toBe(1)
  await Promise.all([a.projected(), b.projected()])
  await quiet()
  did.length = 0
  await a.dispatch.add({ title: 'y' })
  await expect.poll(() => b.status.sequence).toBe(2)
  expect(did).not.toContain('catch-up')
  expect(net.sent.filter((one) => 'commit' in one)).toHaveLength(2)
})

test('a page flush is one transaction: rows and checkpoint of a projection together, requests by page, not by row', async () => {
  const name = freshName()
  wire()
  const a = await tab(name)
  await a.dispatch.addMany({ ids: Array.from({ length: 400 }, (_, i) => `t${i}`) })
  await a.projected()
  await quiet()
  const watched = traffic()
  await a.dispatch.addMany({ ids: Array.from({ length: 50 }, (_, i) => `n${i}`) })
  await a.projected()
  const writes = watched.transactions.filter(({ stores, mode }) => mode === 'readwrite' && stores.includes('pages'))
  expect(writes).toHaveLength(1)
  expect(writes[0]!.stores).toContain('checkpoints')
  const puts = watched.requests.filter((one) => one.startsWith('put '))
  expect(puts.filter((one) => one === 'put pages').length).toBeLessThanOrEqual(3)
  expect(puts.filter((one) => one === 'put checkpoints')).toHaveLength(3)
})

test('rule 15: a row lives in the page of its insertion number and in no other, from any writer', async () => {
  const name = freshName()
  wire().fate = () => 0
  const [a, b] = [await tab(name), await tab(name)]
  for (let round = 0; round < 6; round++) {
    const one = round % 2 ? a : b
    await one.dispatch.addMany({ ids: Array.from({ length: 200 }, (_, i) => `${round}-${i}`) })
    await one.projected()
    if (round === 3) for (let i = 0; i < 30; i++) await one.dispatch.remove({ id: `1-${i * 3}` })
  }
  await a.projected().catch(() => {})
  const pages = (await dump(name, 'pages')).filter(({ value, key }) => key[0].startsWith('todos@') && value.rows.length)
  const ids = pages.flatMap(({ value }) => value.rows.map((row: any) => row.id))
  expect(new Set(ids).size).toBe(ids.length)
  expect(pages.length).toBeGreaterThan(1)
  const c = await tab(name)
  expect(c.read.todos.size).toBe(1200 - 30)
  expect(ids.slice().sort()).toEqual(
    c.read.todos
      .all()
      .map(({ id }) => id)
      .sort(),
  )
})

test.each([
  ['a page that is gone', (store: any, key: any) => store('pages').delete(key)],
  ['a page that is no page', (store: any, key: any) => store('pages').put('garbage', key)],
  ['a page without its rows', (store: any, key: any) => store('pages').put({ page: 0, rows: [] }, key)],
  ['rows that are no rows', (store: any, key: any) => store('pages').put({ page: 0, rows: [null, null, null] }, key)],
  [
    'a checkpoint without numbers',
    (store: any, key: any) =>
      store('checkpoints').put({ identity: key[0], build: '', sequence: 'x', next: 3, rows: 3 }, [key[0], '']),
  ],
])('bad input: %s is discarded, built again from the log and reported', async (_, damage) => {
  const name = freshName()
  const a = await tab(name)
  for (let i = 0; i < 3; i++) await a.dispatch.add({ id: `t${i}`, title: `t${i}` })
  await a.projected()
  const was = shown(a)
  await a.close()
  const stored = await dump(name, 'pages')
  const key = stored.find(({ key }) => key[0].startsWith('todos@'))!.key
  await inDatabase(name, (store) => damage(store, key))
  const b = await tab(name)
  expect(shown(b)).toEqual(was)
  expect(b.status.sequence).toBe(3)
  expect(b.status.lastError).toMatchObject({ name: 'StorageError', kind: 'lost' })
  expect(await b.dispatch.add({ title: 'on' })).toMatchObject({ sequence: 4 })
  await b.projected()
  const after = shown(b)
  await b.close()
  const c = await tab(name)
  expect(c.status.lastError).toBeUndefined()
  expect(shown(c)).toEqual(after)
})

test('a checkpoint that is not an object only costs a rebuild', async () => {
  const name = freshName()
  const a = await tab(name)
  await a.dispatch.add({ title: 'x' })
  await a.projected()
  const was = shown(a)
  await a.close()
  await inDatabase(name, (store) => {
    for (const value of ['garbage', null, 7]) store('checkpoints').put(value, [String(value), ''])
  })
  expect(shown(await tab(name))).toEqual(was)
})
