import 'fake-indexeddb/auto'
import { openEngine } from 'tidemark'
import { expect, test } from 'vitest'
import { collect, freshName, todoApp } from './todos.ts'

test('a command is visible in the same turn, durable when it resolves, and there after a reopen', async () => {
  const name = freshName()
  const model = todoApp()
  const engine = await openEngine(model, { name })
  const sent = engine.dispatch.add({ title: 'Milk' })
  expect(engine.read.todos.all()).toMatchObject([{ title: 'Milk', done: false }])
  expect(engine.status.pending).toBe(1)
  const receipt = await sent
  expect(receipt).toMatchObject({ sequence: 1, duplicate: false, events: [{ sequence: 1, type: 'todoAdded' }] })
  expect(engine.status).toMatchObject({ sequence: 1, pending: 0, state: 'ready' })
  await engine.projected()
  expect(engine.status.projected).toBe(1)
  await engine.close()
  const again = await openEngine(model, { name })
  expect(again.read.todos.all()).toMatchObject([{ title: 'Milk', done: false }])
  expect(again.read.count.value).toBe(1)
  await again.close()
})

test('two tabs show the commands of both in one order, and a third tab opens with the same rows', async () => {
  const name = freshName()
  const a = await openEngine(todoApp(), { name })
  const b = await openEngine(todoApp(), { name })
  const results = await Promise.all([...Array(200)].map((_, i) => (i % 2 ? a : b).dispatch.add({ title: String(i) })))
  expect(results.map(({ sequence }) => sequence).sort((x = 0, y = 0) => x - y)).toEqual(
    [...Array(200)].map((_, i) => i + 1),
  )
  await expect.poll(() => [a.status.sequence, b.status.sequence]).toEqual([200, 200])
  expect(a.read.todos.all()).toEqual(b.read.todos.all())
  await a.projected()
  const c = await openEngine(todoApp(), { name })
  expect(c.read.todos.all()).toEqual(a.read.todos.all())
  await Promise.all([a.close(), b.close(), c.close()])
})

test('a rejection keeps its code and leaves no trace', async () => {
  const engine = await openEngine(todoApp(), { name: freshName() })
  await expect(engine.dispatch.toggle({ id: 'x' })).rejects.toMatchObject({
    name: 'CommandRejected',
    code: 'todo-not-found',
    details: { id: 'x' },
  })
  expect(engine.status).toMatchObject({ sequence: 0, pending: 0 })
  await engine.close()
})

test('a command id that is used again gives the first answer; with another input it rejects as a conflict', async () => {
  const name = freshName()
  const a = await openEngine(todoApp(), { name })
  const b = await openEngine(todoApp(), { name })
  const first = await a.dispatch.add({ title: 'x' }, { commandId: 'one' })
  const second = await b.dispatch.add({ title: 'x' }, { commandId: 'one' })
  expect(second).toEqual({ ...first, duplicate: true })
  await expect(b.dispatch.add({ title: 'y' }, { commandId: 'one' })).rejects.toMatchObject({
    name: 'CommandIdConflict',
  })
  expect(b.status.sequence).toBe(1)
  await Promise.all([a.close(), b.close()])
})

test('history gives the newest events first or those of one row, and a rebuild reports its progress', async () => {
  const engine = await openEngine(todoApp(), { name: freshName() })
  for (let i = 0; i < 10; i++) await engine.dispatch.add({ title: String(i), id: `t${i}` })
  await engine.dispatch.toggle({ id: 't3' })
  const all = await collect(engine.history({ reverse: true, limit: 3 }))
  expect(all.map(({ sequence }) => sequence)).toEqual([11, 10, 9])
  const row = await collect(engine.history({ table: 'todos', key: 't3' }))
  expect(row.map(({ type }) => type)).toEqual(['todoAdded', 'todoToggled'])
  const progress: number[] = []
  await engine.rebuild({ onProgress: ({ done }) => progress.push(done) })
  expect(progress.at(-1)).toBe(11)
  await engine.close()
})

test('an engine in memory takes commands, has no worker, and says in its status that it is in memory', async () => {
  const engine = await openEngine(todoApp(), { storage: 'memory' })
  await engine.dispatch.add({ title: 'x' })
  expect(engine.status).toMatchObject({ storage: 'memory', worker: 'none', sequence: 1 })
  await engine.projected()
  await engine.close()
})
