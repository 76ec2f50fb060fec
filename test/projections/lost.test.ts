import { defineEvents, defineModel, event, openEngine, projection, table } from 'tidemark'
import { openTable } from 'tidemark/tools'
import { expect, test } from 'vitest'
import { wire } from '../engine/channel.ts'
import { atEnd, tab, traffic } from '../engine/kit.ts'
import { collect, freshName, shown, todoApp } from '../engine/todos.ts'
import type { AnyModel } from '../log/rooms.ts'
import { dump, loseValue } from '../log/storage.ts'
import { createPipeline } from './rooms.ts'

const lose = (...given: Parameters<typeof loseValue>) => {
  const lost = loseValue(...given)
  atEnd(lost.stop)
  return lost
}
const keyIn = async (name: string, store: string, projection: string): Promise<IDBValidKey> =>
  (await dump(name, store)).find(({ key }) => key[0].startsWith(`${projection}@`))!.key

async function recorded(name: string) {
  const a = await tab(name)
  for (let i = 0; i < 5; i++) await a.dispatch.add({ id: `t${i}`, title: `t${i}` })
  await a.projected()
  const was = shown(a)
  await a.close()
  return was
}

test.each(['pages', 'checkpoints'])(
  'a tab opens with all its rows although the browser has lost a value of its %s, and reports the loss',
  async (store) => {
    const name = freshName()
    const was = await recorded(name)
    const lost = lose(store, await keyIn(name, store, 'todos'))
    const b = await tab(name)
    expect(lost.reads).toBeGreaterThan(0)
    expect(shown(b)).toEqual(was)
    expect(b.status).toMatchObject({ state: 'ready', sequence: 5, lastError: { name: 'StorageError', kind: 'lost' } })
    expect(b.status.lastError?.message).toContain('todos@')
    await b.dispatch.add({ id: 'on', title: 'on' })
    await b.projected()
    const after = shown(b)
    await b.close()
    const c = await tab(name)
    expect(shown(c)).toEqual(after)
    expect(c.status.lastError).toBeUndefined()
  },
)

test('the other projections keep their pages when one is lost', async () => {
  const name = freshName()
  await recorded(name)
  const kept = (await dump(name, 'pages')).filter(({ key }) => !key[0].startsWith('todos@'))
  lose('pages', await keyIn(name, 'pages', 'todos'))
  wire().fate = () => 0
  const watched = traffic()
  const b = await tab(name)
  watched.stop()
  expect(watched.requests.filter((one) => one === 'put pages')).toEqual([])
  expect((await dump(name, 'pages')).filter(({ key }) => !key[0].startsWith('todos@'))).toEqual(kept)
  await b.close()
})

test('a tab opens although a checkpoint of another version is lost', async () => {
  const name = freshName()
  const was = await recorded(name)
  const newer = await tab(name, { version: 2 })
  await newer.projected()
  await newer.close()
  const key = (await dump(name, 'checkpoints')).find(({ key }) => key[0].startsWith('titles@2'))!.key
  lose('checkpoints', key)
  expect(shown(await tab(name))).toEqual(was)
})

test.each(['pages', 'checkpoints'])(
  'a pipeline drops a value of %s that the browser has lost, folds the log again and tells the tabs',
  async (store) => {
    const net = wire()
    const name = freshName()
    await recorded(name)
    lose(store, await keyIn(name, store, 'todos'))
    const pipeline = await createPipeline(todoApp() as unknown as AnyModel, name)
    expect(Object.values(await pipeline.flush())).toEqual([5, 5, 5])
    expect(net.sent).toContainEqual(
      expect.objectContaining({ error: expect.objectContaining({ name: 'StorageError', kind: 'lost' }) }),
    )
    await pipeline.close()
  },
)

test('while every read of the database fails, opening rejects and nothing is dropped', async () => {
  const name = freshName()
  await recorded(name)
  const pages = await dump(name, 'pages')
  const lost = lose('meta', 'log')
  await expect(tab(name)).rejects.toMatchObject({ name: 'StorageError' })
  lost.stop()
  expect(await dump(name, 'pages')).toEqual(pages)
})

const events = defineEvents({ said: event<{ id: string; by: number }>() })
const withHistory = () =>
  defineModel({
    name: 'talk',
    events,
    projections: {
      talks: projection(events, {
        into: table<{ id: string; last: number }>('id', { history: true }),
        evolve: { said: (_, { data: { id, by } }) => ({ id, last: by }) },
      }),
    },
    commands: { say: (_, data: { id: string; by: number }) => events.said(data) },
  })

test('the history of a row is whole although the browser has lost its index, for a tab and for the next pipeline', async () => {
  const name = freshName()
  const a = await openEngine(withHistory(), { name })
  for (let i = 0; i < 6; i++) await a.dispatch.say({ id: i % 2 ? 'x' : 'y', by: i })
  await a.projected()
  const [index] = await dump(name, 'rowEvents')
  lose('rowEvents', index!.key)
  const found = await collect(a.history({ table: 'talks', key: 'x' }))
  expect(found.map(({ sequence }) => sequence)).toEqual([2, 4, 6])
  await a.dispatch.say({ id: 'x', by: 9 })
  await a.projected()
  expect((await collect(a.history({ table: 'talks', key: 'x' }))).map(({ sequence }) => sequence)).toEqual([2, 4, 6, 7])
  await a.close()
  lose('rowEvents', index!.key)
  const b = await openEngine(withHistory(), { name })
  await b.projected()
  expect((await collect(b.history({ table: 'talks', key: 'x' }))).map(({ sequence }) => sequence)).toEqual([2, 4, 6, 7])
  await b.close()
})

const onDisk = () =>
  defineModel({
    name: 'disk',
    events,
    projections: {
      talks: projection(events, {
        into: table<{ id: string; last: number }>('id', { resident: false }),
        evolve: { said: (_, { data: { id, by } }) => ({ id, last: by }) },
      }),
    },
    commands: { say: (_, data: { id: string; by: number }) => events.said(data) },
  })

test.each([
  ['a row', 'rows', 'x'],
  ['the checkpoint', 'checkpoint', 0],
])('an on-disk table that lost its %s is folded again, and the tab is told', async (_, store, key) => {
  const name = freshName()
  const a = await openEngine(onDisk(), { name })
  for (let i = 0; i < 6; i++) await a.dispatch.say({ id: i % 2 ? 'x' : 'y', by: i })
  await a.projected()
  await a.close()
  const lost = lose(store, key)
  const b = await openEngine(onDisk(), { name })
  await b.dispatch.say({ id: 'x', by: 9 })
  await b.projected()
  expect(lost.reads).toBeGreaterThan(0)
  expect(b.status.projections.talks).toEqual({ state: 'ready', sequence: 7 })
  expect(await (await openTable(b, 'talks')).toArray()).toEqual([
    { id: 'x', last: 9 },
    { id: 'y', last: 4 },
  ])
  await expect.poll(() => b.status.lastError).toMatchObject({ name: 'StorageError', kind: 'lost' })
  await b.close()
})
