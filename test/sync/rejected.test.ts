import { rejected } from 'tidemark/sync'
import { expect, test } from 'vitest'
import { outcome } from '../engine/todos.ts'
import { devices, rejectedOf } from './devices.ts'

/** A device whose `addOnce` was refused, because another device was first. */
async function refused() {
  const { device } = devices()
  const [phone, laptop] = [device(), device()]
  const [a, b] = [await phone.open(), await laptop.open()]
  laptop.network.set({ offline: true })
  await a.dispatch.addOnce({ id: 'seat', title: 'hers' })
  await expect.poll(() => a.status.sync?.pending).toBe(0)
  await b.dispatch.addOnce({ id: 'seat', title: 'mine' }, { meta: { by: 'me' } })
  laptop.network.set({ offline: false })
  await expect.poll(() => b.status.sync).toMatchObject({ pending: 0, rejected: 1 })
  return { a, b, laptop, phone }
}

test('the app learns which command was refused, why, and on which state, and may discard it', async () => {
  const { b, laptop } = await refused()
  const [one, ...others] = await rejected(b)
  expect(others).toEqual([])
  expect(one).toMatchObject({
    name: 'addOnce',
    input: { id: 'seat', title: 'mine' },
    meta: { by: 'me' },
    sequence: 1,
    events: [{ type: 'todoAdded', data: { id: 'seat', title: 'mine' } }],
  })
  expect(one!.error).toMatchObject({ name: 'CommandRejected', code: 'taken', details: { id: 'seat' } })
  await one!.discard()
  expect(await rejected(b)).toEqual([])
  await expect.poll(() => b.status.sync?.rejected).toBe(0)
  expect(await one!.retry()).toBe(false)
  expect(await rejectedOf(laptop.name)).toEqual([])
})

test('a retried command is decided on the present state: it stays rejected, or it is appended with its id', async () => {
  const { a, b, laptop } = await refused()
  const other = await laptop.open()
  const [one] = await rejected(b)
  expect(await outcome(one!.retry() as Promise<unknown>)).toMatchObject({ name: 'CommandRejected', code: 'taken' })
  expect(await rejected(b)).toHaveLength(1)
  await a.dispatch.remove({ id: 'seat' })
  await expect.poll(() => b.read.todos.size).toBe(0)
  const [same] = await rejected(other)
  // Two tabs retry it, and it is appended once.
  await Promise.all([one!.retry(), same!.retry()])
  await expect.poll(() => a.read.todos.get('seat')?.title).toBe('mine')
  await expect.poll(() => b.status.sync).toMatchObject({ pending: 0, rejected: 0 })
  expect(a.read.todos.size).toBe(1)
  expect(a.status.sequence).toBe(3)
})

test('a rejected command that another device appends is removed from the rejected commands by itself', async () => {
  const { device } = devices()
  const [phone, laptop] = [device(), device()]
  const [a, b] = [await phone.open(), await laptop.open()]
  laptop.network.set({ offline: true })
  await a.dispatch.addOnce({ id: 'seat', title: 'hers' })
  await expect.poll(() => a.status.sync?.pending).toBe(0)
  const mine = { id: 'seat', title: 'mine' }
  await b.dispatch.addOnce(mine, { commandId: 'same' })
  laptop.network.set({ offline: false })
  await expect.poll(() => b.status.sync, { timeout: 10_000 }).toMatchObject({ pending: 0, rejected: 1 })
  await a.dispatch.remove({ id: 'seat' })
  await a.dispatch.addOnce(mine, { commandId: 'same' })
  await expect.poll(() => b.read.todos.get('seat')?.title, { timeout: 10_000 }).toBe('mine')
  await expect.poll(() => b.status.sync?.rejected, { timeout: 10_000 }).toBe(0)
  expect(await rejectedOf(laptop.name)).toEqual([])
})
