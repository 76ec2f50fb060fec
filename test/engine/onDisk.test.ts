import 'fake-indexeddb/auto'
import Dexie, { liveQuery } from 'dexie'
import { defineEvents, defineModel, event, openEngine, projection, table } from 'tidemark'
import { destroy, openTable } from 'tidemark/tools'
import { afterEach, expect, test } from 'vitest'
import { openDatabase, seal } from '../log/rooms.ts'
import { deleteDatabase, dump, inDatabase } from '../log/storage.ts'
import { atEnd, quiet, traffic } from './kit.ts'
import { freshName, outcome } from './todos.ts'

interface Letter {
  id: string
  folder: string
  words: number
}
const events = defineEvents({
  received: event<{ id: string; folder: string }>(),
  extended: event<{ id: string; words: number }>(),
  deleted: event<{ id: string }>(),
  folderRenamed: event<{ from: string; to: string }>(),
  folderEmptied: event<{ folder: string }>(),
})
/** The same rows on disk and in memory, which is the reference. */
const app = ({ version = 1, poison = -1, wrong = false } = {}) => {
  const by = {
    folderRenamed: ({ data }: { data: { from: string } }) => ({ folder: data.from }),
    folderEmptied: ({ data }: { data: { folder: string } }) => (wrong ? { words: 1 } : { folder: data.folder }),
  }
  const evolve = {
    received: (_: unknown, { data }: { data: { id: string; folder: string } }) => ({ ...data, words: 0 }),
    extended: (letter: Letter | undefined, { data }: { data: { words: number } }) => {
      if (data.words === poison) throw new RangeError('poison')
      return letter && { ...letter, words: letter.words + data.words }
    },
    deleted: () => null,
    folderRenamed: (letter: Letter | undefined, { data }: { data: { to: string } }) =>
      letter && { ...letter, folder: data.to },
    folderEmptied: () => null,
  }
  const onDisk = projection(events, {
    into: table<Letter>('id', { resident: false, indexes: ['folder'] }),
    version,
    by,
    evolve,
  })
  const resident = projection(events, { into: table<Letter>('id'), by, evolve })
  return defineModel({
    name: 'letters',
    events,
    projections: { onDisk, resident },
    commands: {
      receive: (_, { id, folder }: { id: string; folder: string }) => events.received({ id, folder }),
      receiveMany: (_, { from, n, folder }: { from: number; n: number; folder: string }) =>
        Array.from({ length: n }, (_, i) => events.received({ id: `l${from + i}`, folder })),
      extend: (_, { id, words }: { id: string; words: number }) => events.extended({ id, words }),
      delete: (_, { id }: { id: string }) => events.deleted({ id }),
      rename: (_, { from, to }: { from: string; to: string }) => events.folderRenamed({ from, to }),
      empty: (_, { folder }: { folder: string }) => events.folderEmptied({ folder }),
      mixed: (_, { ids }: { ids: string[] }) => [
        ...ids.map((id) => events.received({ id, folder: 'new' })),
        events.folderRenamed({ from: 'new', to: 'old' }),
        ...ids.map((id) => events.extended({ id, words: 2 })),
      ],
    },
  })
}

const open: { close(): Promise<void> }[] = []
afterEach(async () => {
  await Promise.all(open.splice(0).map((one) => one.close()))
})
async function tab(name: string, options: Parameters<typeof app>[0] = {}) {
  const engine = await openEngine(app(options), { name })
  open.push(engine)
  return engine
}
type Tab = Awaited<ReturnType<typeof tab>>
const rows = async (engine: Tab): Promise<Letter[]> => (await openTable(engine, 'onDisk')).toArray()
const sorted = (all: readonly any[]) => [...all].sort((a, b) => (a.id < b.id ? -1 : 1))
const same = async (engine: Tab): Promise<void> => {
  await engine.projected()
  expect(sorted(await rows(engine))).toEqual(sorted(engine.read.resident.all() as any))
}
const tableName = async (name: string): Promise<string> =>
  `tidemark-table:${name}:${(await dump(name, 'meta')).find(({ key }) => key === 'tables')!.value[0]}`

test('an on-disk table holds the rows that the same table holds in memory: by key, by match, inside one commit and over many', async () => {
  const a = await tab(freshName())
  await a.dispatch.receiveMany({ from: 0, n: 50, folder: 'in' })
  await same(a)
  await a.dispatch.mixed({ ids: ['x', 'y', 'l3'] })
  await a.dispatch.extend({ id: 'x', words: 5 })
  await a.dispatch.rename({ from: 'in', to: 'old' })
  await a.dispatch.delete({ id: 'l7' })
  await same(a)
  await a.dispatch.receive({ id: 'l7', folder: 'kept' })
  await a.dispatch.empty({ folder: 'old' })
  await a.dispatch.extend({ id: 'nobody', words: 1 })
  await same(a)
  expect((await rows(a)).map(({ id }) => id)).toEqual(['l7'])
})

test('it is in no read model, never loaded at boot, and queried with Dexie by its indexes, from any tab', async () => {
  const name = freshName()
  const a = await tab(name)
  await a.dispatch.receiveMany({ from: 0, n: 20, folder: 'in' })
  await a.dispatch.receive({ id: 'x', folder: 'out' })
  expect('onDisk' in a.read).toBe(false)
  await a.projected()
  await quiet()
  const b = await tab(name)
  const letters = await openTable(b, 'onDisk')
  expect(await letters.where('folder').equals('out').toArray()).toEqual([{ id: 'x', folder: 'out', words: 0 }])
  expect(b.status.projections.onDisk).toEqual({ state: 'ready', sequence: 21 })
  expect(await openTable(b, 'onDisk')).toBe(letters)
})

test('projected gives read-your-writes, and liveQuery sees what the pipeline writes', async () => {
  const a = await tab(freshName())
  const letters = await openTable(a, 'onDisk')
  const seen: number[] = []
  const watching = liveQuery(() => letters.count()).subscribe((count) => seen.push(count), console.error)
  atEnd(() => watching.unsubscribe())
  await expect.poll(() => seen).toEqual([0])
  const { sequence } = await a.dispatch.receiveMany({ from: 0, n: 3, folder: 'in' })
  await a.projected(sequence)
  expect(await letters.count()).toBe(3)
  await expect.poll(() => seen.at(-1)).toBe(3)
})

test('requests per event do not depend on the size of the table: rows that events name are read and written, no other', async () => {
  const counts: string[][] = []
  for (const size of [10, 3000]) {
    const a = await tab(freshName())
    await a.dispatch.receiveMany({ from: 0, n: size, folder: 'in' })
    await a.dispatch.receive({ id: 'x', folder: 'out' })
    await a.projected()
    await quiet()
    const watched = traffic()
    await a.dispatch.extend({ id: 'l5', words: 1 })
    await a.dispatch.rename({ from: 'out', to: 'sent' })
    await a.projected()
    await quiet()
    watched.stop()
    counts.push(watched.requests.filter((one) => / (rows|checkpoint)$/.test(one)))
    await a.close()
  }
  expect(counts[1]).toEqual(counts[0])
  expect(counts[0]!.length).toBeLessThanOrEqual(12)
})

test('rows and checkpoint are one transaction: a pipeline that dies in between leaves both or neither', async () => {
  const name = freshName()
  const a = await tab(name)
  await a.dispatch.receiveMany({ from: 0, n: 5, folder: 'in' })
  await a.projected()
  const { put } = IDBObjectStore.prototype
  atEnd(() => (IDBObjectStore.prototype.put = put))
  IDBObjectStore.prototype.put = function (this: IDBObjectStore, ...given: [any]) {
    if (this.name === 'checkpoint') throw new DOMException('by the test', 'UnknownError')
    return put.apply(this, given)
  }
  await a.dispatch.extend({ id: 'l1', words: 9 })
  expect(await outcome(a.projected())).toBeInstanceOf(Error)
  const dexie = await new Dexie(await tableName(name), { indexedDB, IDBKeyRange }).open()
  expect(await dexie.table('rows').get('l1')).toMatchObject({ words: 0 })
  dexie.close()
  IDBObjectStore.prototype.put = put
  await same(a)
})

test('rule 18: rows folded to a commit that the log no longer holds are not believed, whatever their number', async () => {
  const name = freshName()
  const a = await tab(name)
  for (let i = 0; i < 6; i++) await a.dispatch.receive({ id: `l${i}`, folder: 'in' })
  await a.projected()
  await a.close()
  // A power cut dropped the last two; others took their numbers.
  await inDatabase(name, (store) => {
    store('commits').delete(IDBKeyRange.lowerBound(5))
    store('checkpoints').clear()
    store('pages').clear()
  })
  const b = await tab(name)
  expect(b.status.sequence).toBe(4)
  await b.dispatch.receive({ id: 'other', folder: 'out' })
  await b.dispatch.receive({ id: 'another', folder: 'out' })
  await same(b)
  expect(b.status.projections.onDisk.sequence).toBe(6)
})

test('rule 18: a table of a log that was deleted and made anew starts over', async () => {
  const name = freshName()
  const a = await tab(name)
  await a.dispatch.receiveMany({ from: 0, n: 3, folder: 'in' })
  await a.projected()
  await a.close()
  await deleteDatabase(name)
  const b = await tab(name)
  await b.dispatch.receive({ id: 'first', folder: 'in' })
  await same(b)
})

test('a table whose events are sealed goes on where it stood, and a new version of it folds sealed history', async () => {
  const name = freshName()
  const a = await tab(name)
  for (let i = 0; i < 40; i++) await a.dispatch.receive({ id: `l${i}`, folder: i % 2 ? 'odd' : 'even' })
  await a.projected()
  await a.close()
  const database = await openDatabase(name, false)
  expect(await seal(database, 40, 30)).toBe(true)
  database.close()
  const b = await tab(name)
  await same(b)
  const c = await tab(name, { version: 2 })
  await same(c)
  await c.dispatch.rename({ from: 'odd', to: 'even' })
  await expect.poll(() => b.status.sequence).toBe(41)
  await same(b)
  await same(c)
})

test('rebuild folds on-disk tables again, in place, and alone where it is asked to', async () => {
  const a = await tab(freshName())
  await a.dispatch.receiveMany({ from: 0, n: 10, folder: 'in' })
  const letters = await openTable(a, 'onDisk')
  await letters.put({ id: 'stranger', folder: 'in', words: 0 })
  await a.rebuild({ projections: ['onDisk'] })
  await same(a)
  expect(await letters.count()).toBe(10)
  await letters.clear()
  await a.rebuild()
  expect(await letters.count()).toBe(10)
})

test.each([
  ['an evolve that throws', { poison: 13 }],
  ['a match that no index answers', { wrong: true }],
])(
  'guarantee 11: %s fails the on-disk table at that event; the rest goes on, and a rebuild by better code mends it',
  async (_, options) => {
    const name = freshName()
    const good = await tab(name)
    await good.dispatch.receive({ id: 'x', folder: 'in' })
    await good.dispatch.extend({ id: 'x', words: 13 })
    await good.dispatch.empty({ folder: 'out' })
    await good.dispatch.receive({ id: 'y', folder: 'in' })
    await good.close()
    const a = await tab(name, { ...options, version: 7 })
    await a.projected()
    const sequence = 'poison' in options ? 2 : 3
    expect(a.status.projections.onDisk).toMatchObject({
      state: 'failed',
      sequence,
      error: { name: 'ProjectionFailed' },
    })
    expect(await outcome(rows(a))).toMatchObject({ name: 'ProjectionFailed', projection: 'onDisk', sequence })
    await a.close()
    const b = await tab(name, { version: 7 })
    await b.projected()
    expect(b.status.projections.onDisk.state).toBe('failed')
    await b.rebuild()
    await same(b)
  },
)

test('two pipelines fold one on-disk table without harm', async () => {
  const name = freshName()
  const [a, b] = [await tab(name), await tab(name)]
  for (let i = 0; i < 20; i++) {
    await (i % 2 ? a : b).dispatch.receive({ id: `l${i}`, folder: 'in' })
    if (i % 3 === 0) await Promise.all([a.projected(), b.projected()])
    if (i % 7 === 6) await a.dispatch.rename({ from: 'in', to: `f${i}` })
  }
  await same(a)
  await same(b)
})

test('bad input: a table that is resident, unknown or in memory is refused', async () => {
  const a = await tab(freshName())
  expect(await outcome(openTable(a, 'resident' as never))).toMatchObject({ name: 'ModelError' })
  expect(await outcome(openTable(a, 'nope' as never))).toMatchObject({ name: 'ModelError' })
  const memory = await openEngine(app(), { storage: 'memory' })
  open.push(memory)
  expect(await outcome(openTable(memory, 'onDisk'))).toMatchObject({
    name: 'StorageError',
    kind: 'unavailable',
  })
})

test('destroy deletes the databases of on-disk tables too, of every version', async () => {
  const name = freshName()
  const a = await tab(name)
  await a.dispatch.receive({ id: 'x', folder: 'in' })
  await a.projected()
  await a.close()
  const b = await tab(name, { version: 2 })
  await rows(b)
  const mine = async () => (await indexedDB.databases()).filter((one) => one.name?.includes(name))
  expect(await mine()).toHaveLength(3)
  await destroy(b)
  await expect.poll(mine).toEqual([])
})
