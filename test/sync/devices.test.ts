import { defineRemote } from 'tidemark/sync'
import { expect, test } from 'vitest'
import { tab } from '../engine/kit.ts'
import { freshName, shown } from '../engine/todos.ts'
import { commitsOf, devices, outboxOf, rejectedOf } from './devices.ts'

const add = (id: string) => ({ id, title: id })

test('S4: a command of one device is in the log of the other', async () => {
  const { device, log } = devices()
  const [phone, laptop] = [device(), device()]
  const [a, b] = [await phone.open(), await laptop.open()]
  await a.dispatch.add(add('x'))
  await expect.poll(() => b.read.todos.size).toBe(1)
  await expect.poll(() => a.status.sync).toMatchObject({ state: 'online', pending: 0 })
  await b.dispatch.toggle({ id: 'x' })
  await expect.poll(() => a.read.todos.get('x')?.done).toBe(true)
  await expect.poll(() => b.status.sync?.pending).toBe(0)
  expect(await commitsOf(phone.name)).toEqual(await commitsOf(laptop.name))
  expect((await log()).ids).toHaveLength(2)
  expect(shown(a)).toEqual(shown(b))
  expect(a.status).toMatchObject({ sequence: 2, state: 'ready' })
})

test('S1 and S2: commands of two offline devices are decided again on the log before them: one is refused, with its input', async () => {
  const { device } = devices()
  const [phone, laptop] = [device(), device()]
  const [a, b] = [await phone.open(), await laptop.open()]
  laptop.network.set({ offline: true })
  await expect.poll(() => b.status.sync?.state).toBe('offline')
  await a.dispatch.addOnce(add('seat'))
  await b.dispatch.addOnce({ id: 'seat', title: 'mine' })
  await b.dispatch.number()
  await b.dispatch.rename({ id: 'seat', title: 'still mine' })
  await expect.poll(() => a.status.sync?.pending).toBe(0)
  laptop.network.set({ offline: false })
  await expect.poll(() => b.status.sync).toMatchObject({ state: 'online', pending: 0, rejected: 1 })
  const [refused] = await rejectedOf(laptop.name)
  expect(refused).toMatchObject({ name: 'addOnce', input: { id: 'seat', title: 'mine' }, sequence: 1 })
  expect(refused.error).toMatchObject({ name: 'CommandRejected', code: 'taken' })
  expect(refused.events).toMatchObject([{ type: 'todoAdded' }])
  await expect.poll(() => a.read.todos.size).toBe(2)
  await expect.poll(() => a.read.todos.get('seat')?.title).toBe('still mine')
  // The command was decided again: its first decision saw a count of 1 on its device.
  expect(a.read.todos.all()[1]?.title).toBe('1')
  expect(shown(b)).toEqual(shown(a))
  expect(await commitsOf(phone.name)).toEqual(await commitsOf(laptop.name))
  expect(await outboxOf(laptop.name)).toEqual([])
})

test('own commands that arrive unchanged from the remote change no row, and each row stays the same object', async () => {
  const { device } = devices()
  const phone = device()
  const a = await phone.open()
  phone.network.set({ offline: true })
  await a.dispatch.add(add('x'))
  await a.dispatch.add(add('y'))
  const [x, y] = a.read.todos.all()
  phone.network.set({ offline: false })
  await expect.poll(() => a.status.sync).toMatchObject({ pending: 0, state: 'online' })
  await expect.poll(() => a.status.sequence).toBe(2)
  expect(a.read.todos.all()[0]).toBe(x)
  expect(a.read.todos.all()[1]).toBe(y)
  await a.projected()
  expect(a.status.projected).toBe(2)
})

test('S6: neither a boot nor a dispatch waits for a remote that never answers', async () => {
  const name = freshName()
  const asked: string[] = []
  const never = <T>(what: string): Promise<T> => new Promise(() => void asked.push(what))
  const remote = defineRemote(() => ({
    append: () => never('append'),
    read: () => ({ [Symbol.asyncIterator]: () => ({ next: () => never('read') }) }),
    watch: () => () => {},
    limits: { bytes: 1_000_000 },
  }))
  const a = await tab(name, {}, { remote })
  await a.dispatch.add(add('x'))
  await expect.poll(() => asked).toEqual(['read'])
  await a.dispatch.add(add('y'))
  await a.close()
  const again = await tab(name, {}, { remote })
  expect(again.read.todos.all().map(({ id }) => id)).toEqual(['x', 'y'])
  expect(again.status.sync).toMatchObject({ pending: 2 })
})
