import { rejected } from 'tidemark/sync'
import { destroy, undoStack } from 'tidemark/tools'
import { expect, test } from 'vitest'
import { events, outcome } from '../engine/todos.ts'
import { devices } from './devices.ts'

const add = (id: string) => ({ id, title: id })

/** Two devices that have one todo, and an undo stack of the second. */
async function renamed() {
  const { device } = devices()
  const [phone, laptop] = [device(), device()]
  const [a, b] = [await phone.open(), await laptop.open()]
  await a.dispatch.add(add('x'))
  await expect.poll(() => b.status.sequence).toBe(1)
  await expect.poll(() => a.status.sync?.pending).toBe(0)
  const stack = undoStack(b, {
    rename: ({ input: { id }, before }) => {
      const title = before.todos.get(id)?.title
      return title === undefined ? undefined : events.todoRenamed({ id, title })
    },
  })
  await b.dispatch.rename({ id: 'x', title: 'mine' })
  await expect.poll(() => b.status.sync?.pending).toBe(0)
  return { a, b, laptop, stack }
}

test('an undo is decided again if other commands arrived before it, and reaches every device', async () => {
  const { a, b, laptop, stack } = await renamed()
  laptop.network.set({ offline: true })
  await stack.undo()
  expect(b.read.todos.get('x')?.title).toBe('x')
  await a.dispatch.add(add('other'))
  await expect.poll(() => a.status.sync?.pending).toBe(0)
  laptop.network.set({ offline: false })
  await expect.poll(() => b.status.sync, { timeout: 10_000 }).toMatchObject({ pending: 0, rejected: 0 })
  await expect.poll(() => a.read.todos.get('x')?.title).toBe('x')
})

test('an undo that would revert a change of another device is refused, and can be tried again', async () => {
  const { a, b, laptop, stack } = await renamed()
  await expect.poll(() => a.read.todos.get('x')?.title).toBe('mine')
  laptop.network.set({ offline: true })
  await stack.undo()
  await a.dispatch.rename({ id: 'x', title: 'hers' })
  await expect.poll(() => a.status.sync?.pending).toBe(0)
  laptop.network.set({ offline: false })
  await expect.poll(() => b.status.sync, { timeout: 10_000 }).toMatchObject({ pending: 0, rejected: 1 })
  expect(b.read.todos.get('x')?.title).toBe('hers')
  const [one] = await rejected(b)
  expect(one!.error).toMatchObject({ code: 'undo-conflict', details: { projection: 'todos', key: 'x' } })
  expect(await outcome(one!.retry() as Promise<unknown>)).toMatchObject({ code: 'undo-conflict' })
  await a.dispatch.rename({ id: 'x', title: 'mine' })
  await expect.poll(() => b.read.todos.get('x')?.title).toBe('mine')
  await (await rejected(b))[0]!.retry()
  await expect.poll(() => a.read.todos.get('x')?.title).toBe('x')
})

test('a log with unsent commands is destroyed only if the app says so', async () => {
  const { b, laptop } = await renamed()
  laptop.network.set({ offline: true })
  await b.dispatch.add(add('unsent'))
  expect(await outcome(destroy(b) as Promise<unknown>)).toMatchObject({ name: 'StorageError', kind: 'aborted' })
  expect(b.status.state).toBe('ready')
  await destroy(b, { unsent: 'discard' })
  expect(b.status.state).toBe('closed')
})
