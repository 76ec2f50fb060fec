import { CommandRejected, InvalidData, ModelError, openEngine } from 'tidemark'
import { preview } from 'tidemark/tools'
import { expect, test } from 'vitest'
import { dump } from '../../log/storage.ts'
import { tab, traffic } from '../kit.ts'
import { freshName, shown, todoApp } from '../todos.ts'

test('preview gives the events of a command and the rows that they would change', async () => {
  const one = await tab(freshName())
  await one.dispatch.add({ id: 'a', title: 'Milk' })
  expect(preview(one, 'toggle', { id: 'a' })).toEqual({
    events: [{ type: 'todoToggled', data: { id: 'a' } }],
    changes: [
      {
        projection: 'todos',
        key: 'a',
        before: { id: 'a', title: 'Milk', done: false },
        after: { id: 'a', title: 'Milk', done: true },
      },
    ],
  })
  expect(preview(one, 'add', { title: 'Milk' })).toEqual({
    events: [{ type: 'todoAdded', data: { id: 'id-1', title: 'Milk' } }],
    changes: [
      { projection: 'todos', key: 'id-1', before: undefined, after: { id: 'id-1', title: 'Milk', done: false } },
      { projection: 'count', before: 1, after: 2 },
      { projection: 'titles', key: 'Milk', before: { title: 'Milk', times: 1 }, after: { title: 'Milk', times: 2 } },
    ],
  })
})

test('preview tells one change for a row that several events change, from the first to the last', async () => {
  const one = await tab(freshName())
  const { changes } = preview(one, 'addMany', { ids: ['a', 'b'] })
  expect(changes.filter(({ projection }) => projection === 'count')).toEqual([
    { projection: 'count', before: 0, after: 2 },
  ])
})

test('preview gives a rejection, and nothing for a command that would do nothing', async () => {
  const one = await tab(freshName())
  const { rejection, ...rest } = preview(one, 'toggle', { id: 'a' })
  expect(rest).toEqual({ events: [], changes: [] })
  expect(rejection).toBeInstanceOf(CommandRejected)
  expect(rejection).toMatchObject({ code: 'todo-not-found', details: { id: 'a' } })
  expect(preview(one, 'nothing')).toEqual({ events: [], changes: [] })
})

test('preview throws what a dispatch would reject with, and leaves no row behind', async () => {
  const one = await tab(freshName(), { poison: 'bad' })
  const before = shown(one)
  expect(() => preview(one, 'add', { title: 'bad' })).toThrow(new RangeError('no bad'))
  expect(() => preview(one, 'add', { title: 1n as never })).toThrow(InvalidData)
  expect(() => preview(one, 'unknown' as 'nothing')).toThrow(ModelError)
  expect(shown(one)).toEqual(before)
  await one.close()
  expect(() => preview(one, 'add', { title: 'late' })).toThrow('The engine was closed')
})

test('preview leaves no trace: no event, no request, no change that anybody is told of, not a row in another place', async () => {
  const name = freshName()
  const one = await tab(name)
  await one.dispatch.addMany({ ids: ['a', 'b', 'c'] })
  await one.projected()
  const { read, status } = one
  const rows = one.read.todos.all()
  const [first, ...rest] = rows
  const before = shown(one)
  let told = 0
  one.subscribe(() => told++)
  const watched = traffic()
  preview(one, 'remove', { id: 'a' })
  preview(one, 'add', { title: 'Milk' })
  preview(one, 'refuse')
  await Promise.resolve()
  expect(watched.requests).toEqual([])
  expect(told).toBe(0)
  expect(one.read).toBe(read)
  expect(one.status).toBe(status)
  expect(shown(one)).toEqual(before)
  expect(one.read.todos.get('a')).toBe(first)
  expect(one.read.todos.all().slice(1)).toEqual(rest)
  // What was previewed takes no number: the next event is the next one of the log.
  await expect(one.dispatch.add({ id: 'd', title: 'D' })).resolves.toMatchObject({ sequence: 4 })
  expect((await dump(name, 'commits')).map(({ key }) => key)).toEqual([1, 4])
})

test('preview counts commands that are pending as done, and works in memory', async () => {
  const one = await openEngine(todoApp(), { storage: 'memory', name: freshName() })
  const added = one.dispatch.add({ id: 'a', title: 'Milk' })
  expect(preview(one, 'addOnce', { id: 'a', title: 'Milk' }).rejection?.code).toBe('taken')
  await added
  expect(one.read.todos.size).toBe(1)
  await one.close()
})
