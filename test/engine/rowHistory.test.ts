import fc from 'fast-check'
import { defineEvents, defineModel, event, openEngine, projection, table } from 'tidemark'
import { afterEach, expect, test } from 'vitest'
import { openDatabase, seal } from '../log/rooms.ts'
import { dump, inDatabase } from '../log/storage.ts'
import { quiet, traffic } from './kit.ts'
import { collect, freshName } from './todos.ts'

interface Task {
  id: string
  list: string
  done: boolean
}
const events = defineEvents({
  added: event<{ id: string; list: string }>(),
  toggled: event<{ id: string }>(),
  removed: event<{ id: string }>(),
  listCleared: event<{ list: string }>(),
})
/** The same table twice: with an index, and without one, which is the reference. */
const app = () => {
  const tasks = (history: boolean) =>
    projection(events, {
      into: table<Task>('id', { history }),
      by: { listCleared: ({ data }) => ({ list: data.list }) },
      evolve: {
        added: (_, { data }) => ({ ...data, done: false }),
        toggled: (task) => task && { ...task, done: !task.done },
        removed: () => null,
        listCleared: (task) => (task?.done ? null : undefined),
      },
    })
  return defineModel({
    name: 'tasks',
    events,
    projections: { indexed: tasks(true), scanned: tasks(false) },
    commands: {
      add: (_, { id, list }: { id: string; list: string }) => events.added({ id, list }),
      addMany: (_, { ids }: { ids: string[] }) => ids.map((id) => events.added({ id, list: 'many' })),
      toggle: (_, { id }: { id: string }) => events.toggled({ id }),
      toggleMany: (_, { ids }: { ids: string[] }) => ids.map((id) => events.toggled({ id })),
      remove: (_, { id }: { id: string }) => events.removed({ id }),
      clear: (_, { list }: { list: string }) => events.listCleared({ list }),
    },
  })
}

const open: { close(): Promise<void> }[] = []
afterEach(async () => {
  await Promise.all(open.splice(0).map((one) => one.close()))
})
async function tab(name: string) {
  const engine = await openEngine(app(), { name })
  open.push(engine)
  return engine
}
type Tab = Awaited<ReturnType<typeof tab>>

async function sealed(name: string, limit: number, events: number): Promise<void> {
  const database = await openDatabase(name, false)
  while (await seal(database, limit, events));
  database.close()
}

const ids = fc.constantFrom('a', 'b', 'c', 'd')
const lists = fc.constantFrom('x', 'y')
const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('add' as const), id: ids, list: lists }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constantFrom('toggle' as const, 'remove' as const), id: ids }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('clear' as const), list: lists }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('many' as const), count: fc.integer({ min: 1, max: 6000 }) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constantFrom('project' as const, 'restart' as const, 'rebuild' as const, 'seal' as const),
    }),
  },
)

test('the events of one row through its index are those that a scan finds, whatever happened to row, log and index', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 6, maxLength: 18 }), async (steps) => {
      const name = freshName()
      let a = await tab(name)
      for (const one of steps) {
        if (one.do === 'add') await a.dispatch.add(one)
        else if (one.do === 'toggle' || one.do === 'remove') await a.dispatch[one.do](one)
        else if (one.do === 'clear') await a.dispatch.clear(one)
        else if (one.do === 'many')
          await a.dispatch.addMany({
            ids: Array.from({ length: one.count }, (_, i) => (i % 700 ? `m${i % 700}` : 'a')),
          })
        else if (one.do === 'project') await a.projected()
        else if (one.do === 'rebuild') await a.rebuild()
        else if (one.do === 'seal') {
          await a.projected()
          await sealed(name, a.status.sequence, 10)
        } else {
          await a.close()
          a = await tab(name)
        }
      }
      const head = a.status.sequence
      for (const key of ['a', 'b', 'm1', 'nobody']) {
        for (const range of [{}, { after: head >> 2 }, { before: (head >> 1) + 1 }, { after: 2, before: head }]) {
          for (const reverse of [false, true]) {
            const through = (table: 'indexed' | 'scanned') => collect(a.history({ table, key, reverse, ...range }))
            expect(await through('indexed')).toEqual(await through('scanned'))
          }
        }
      }
      await a.close()
    }),
    { numRuns: 12 },
  )
}, 60_000)

/** A thousand commits of ten events; the row `r7` is touched by 50 of them. */
async function spread(): Promise<{ name: string; a: Tab; touched: number[] }> {
  const name = freshName()
  const a = await tab(name)
  const touched: number[] = []
  await a.dispatch.addMany({ ids: Array.from({ length: 600 }, (_, i) => `r${i}`) })
  touched.push(8)
  for (let i = 0; i < 980; i++) {
    const hit = i % 20 === 3
    if (hit) touched.push(a.status.sequence + 5)
    await a.dispatch.toggleMany({
      ids: Array.from({ length: 10 }, (_, j) => (hit && j === 4 ? 'r7' : `r${100 + ((i + j) % 400)}`)),
    })
  }
  await a.projected()
  await quiet()
  return { name, a, touched }
}

test('an indexed row reads the commits and segments that its events stand in, and no other', async () => {
  const { name, a, touched } = await spread()
  const watched = traffic()
  expect((await collect(a.history({ table: 'indexed', key: 'r7' }))).map(({ sequence }) => sequence)).toEqual(touched)
  expect(watched.read).toHaveLength(50)
  expect(watched.requests.length).toBeLessThanOrEqual(50 + 8)
  watched.stop()
  await sealed(name, a.status.sequence - 500, 500)
  const again = traffic()
  const first = await a.history({ table: 'indexed', key: 'r7' })[Symbol.asyncIterator]().next()
  expect(first.value?.sequence).toBe(8)
  // The one it stands in, and the next ones, read ahead.
  expect(again.read.filter(({ store }) => store === 'bodies').length).toBeLessThanOrEqual(5)
  again.stop()
  expect(
    (await collect(a.history({ table: 'indexed', key: 'r7', reverse: true }))).map(({ sequence }) => sequence),
  ).toEqual(touched.reverse())
})

test('an index that does not stand where its rows do is not believed, and is folded again with them', async () => {
  const name = freshName()
  const a = await tab(name)
  await a.dispatch.addMany({ ids: ['a', 'b'] })
  await a.dispatch.toggle({ id: 'a' })
  await a.projected()
  await a.close()
  await inDatabase(name, (store) => store('rowEvents').clear())
  const b = await tab(name)
  const numbers = async (one: Tab) =>
    (await collect(one.history({ table: 'indexed', key: 'a' }))).map(({ sequence }) => sequence)
  expect(await numbers(b)).toEqual([1, 3])
  await b.dispatch.toggle({ id: 'a' })
  await b.projected()
  expect(await numbers(b)).toEqual([1, 3, 4])
  expect(await dump(name, 'rowEvents')).toHaveLength(1)
  expect(b.read.indexed.all()).toEqual(b.read.scanned.all())
})

test('the index is written in the transaction of its pages and checkpoint, and only for tables that ask for it', async () => {
  const name = freshName()
  const a = await tab(name)
  await a.dispatch.addMany({ ids: ['a', 'b'] })
  await a.projected()
  await quiet()
  const watched = traffic()
  await a.dispatch.toggle({ id: 'a' })
  await a.projected()
  const writes = watched.transactions.filter(({ mode, stores }) => mode === 'readwrite' && stores.includes('rowEvents'))
  expect(writes).toHaveLength(1)
  expect(writes[0]!.stores).toEqual(expect.arrayContaining(['pages', 'checkpoints']))
  expect(watched.requests.filter((one) => one === 'put rowEvents')).toHaveLength(1)
  for (const { key } of await dump(name, 'rowEvents')) expect(key[0]).toMatch(/^indexed@/)
})
