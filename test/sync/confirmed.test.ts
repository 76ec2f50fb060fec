import { expect, expectTypeOf, test } from 'vitest'
import { tab } from '../engine/kit.ts'
import { freshName, outcome } from '../engine/todos.ts'
import { commitsOf, devices, outboxOf, rejectedOf } from './devices.ts'

const add = (id: string) => ({ id, title: id })
const REMOTE = { durability: 'remote' } as const

/** Whether a promise has settled. */
function watched<T>(promise: Promise<T>): { readonly promise: Promise<T>; isOver: boolean } {
  const one = { promise, isOver: false }
  const over = (): void => {
    one.isOver = true
  }
  promise.then(over, over)
  return one
}

test('a dispatch that waits for the remote resolves when the shared log has it, with its sequence', async () => {
  const { device, log } = devices()
  const [phone, laptop] = [device(), device()]
  const [a, b] = [await phone.open(), await laptop.open()]
  const receipt = await a.dispatch.add(add('x'), REMOTE)
  expect(receipt).toMatchObject({ sequence: 1, duplicate: false, events: [{ sequence: 1, type: 'todoAdded' }] })
  expect(receipt).not.toHaveProperty('confirmed')
  expect((await log()).ids).toEqual([receipt.commandId])
  await expect.poll(() => b.status.sequence).toBe(1)
  // Without the option, the command is durable on this device.
  expect(await a.dispatch.add(add('y'))).toMatchObject({ confirmed: false })
  expectTypeOf(receipt.sequence).toEqualTypeOf<number>()
  expectTypeOf((await a.dispatch.number()).sequence).toEqualTypeOf<number | undefined>()
})

test('offline, such a dispatch waits, is shown and is durable; it resolves after the commands that other devices wrote first', async () => {
  const { device } = devices()
  const [phone, laptop] = [device(), device()]
  const [a, b] = [await phone.open(), await laptop.open()]
  await b.dispatch.add(add('first'), REMOTE)
  await expect.poll(() => a.status.sequence).toBe(1)
  phone.network.set({ offline: true })
  const waits = watched(a.dispatch.add(add('mine'), REMOTE))
  await expect.poll(() => outboxOf(phone.name)).toHaveLength(1)
  await b.dispatch.add(add('second'), REMOTE)
  expect(a.read.todos.has('mine')).toBe(true)
  expect(waits.isOver).toBe(false)
  phone.network.set({ offline: false })
  expect(await waits.promise).toMatchObject({ sequence: 3, events: [{ sequence: 3 }] })
  expect(await commitsOf(phone.name)).toHaveLength(3)
})

test('a dispatch rejects with the error that the command throws on the shared log, and the command is rejected there', async () => {
  const { device } = devices()
  const [phone, laptop] = [device(), device()]
  const [a, b] = [await phone.open(), await laptop.open()]
  await a.dispatch.add(add('x'), REMOTE)
  await expect.poll(() => b.status.sequence).toBe(1)
  laptop.network.set({ offline: true })
  const verdict = outcome(b.dispatch.rename({ id: 'x', title: 'mine' }, REMOTE))
  await expect.poll(() => outboxOf(laptop.name)).toHaveLength(1)
  await a.dispatch.remove({ id: 'x' }, REMOTE)
  laptop.network.set({ offline: false })
  expect(await verdict).toMatchObject({ name: 'CommandRejected', code: 'todo-not-found' })
  expect(await rejectedOf(laptop.name)).toMatchObject([{ name: 'rename' }])
})

test('a refusal on this device is checked on the shared log first: a device that is behind does not refuse', async () => {
  const { device } = devices()
  const [phone, laptop] = [device(), device()]
  const [a, b] = [await phone.open(), await laptop.open()]
  await expect.poll(() => b.status.sync?.state).toBe('online')
  laptop.network.set({ offline: true })
  await a.dispatch.add(add('x'), REMOTE)
  const renamed = watched(b.dispatch.rename({ id: 'x', title: 'late' }, REMOTE))
  // Without the remote, this device knows no x.
  expect(await outcome(b.dispatch.rename({ id: 'x', title: 'here' }))).toMatchObject({ code: 'todo-not-found' })
  expect(renamed.isOver).toBe(false)
  laptop.network.set({ offline: false })
  expect(await renamed.promise).toMatchObject({ sequence: 2 })
  expect(await outcome(b.dispatch.rename({ id: 'nobody', title: 'late' }, REMOTE))).toMatchObject({
    code: 'todo-not-found',
  })
  expect(b.status.pending).toBe(0)
})

test('a command that another device has fulfilled resolves without events', async () => {
  const { device } = devices()
  const [phone, laptop] = [device(), device()]
  const [a, b] = [await phone.open(), await laptop.open()]
  await a.dispatch.add(add('x'), REMOTE)
  await expect.poll(() => b.status.sequence).toBe(1)
  laptop.network.set({ offline: true })
  const removed = b.dispatch.remove({ id: 'x' }, REMOTE)
  await expect.poll(() => outboxOf(laptop.name)).toHaveLength(1)
  await a.dispatch.remove({ id: 'x' }, REMOTE)
  laptop.network.set({ offline: false })
  expect(await removed).toMatchObject({ sequence: 2, events: [], duplicate: false })
  // The shared log decides that there is nothing to do.
  expect(await b.dispatch.remove({ id: 'x' }, REMOTE)).toMatchObject({ sequence: 2, events: [] })
})

test('a signal or a close ends only the wait: the command is sent', async () => {
  const { device, log } = devices()
  const phone = device()
  const a = await phone.open()
  await expect.poll(() => a.status.sync?.state).toBe('online')
  phone.network.set({ offline: true })
  const aborting = new AbortController()
  const [aborted, closed] = [
    outcome(a.dispatch.add(add('x'), { ...REMOTE, signal: aborting.signal })),
    outcome(a.dispatch.add(add('y'), REMOTE)),
  ]
  const refused = outcome(a.dispatch.rename({ id: 'z', title: 'z' }, REMOTE))
  await expect.poll(() => outboxOf(phone.name)).toHaveLength(2)
  aborting.abort(new Error('enough'))
  expect(await aborted).toMatchObject({ name: 'StorageError', kind: 'unknown', cause: { message: 'enough' } })
  await a.close()
  expect(await closed).toMatchObject({ name: 'StorageError', kind: 'unknown', cause: { name: 'EngineClosed' } })
  // The refused command left no record.
  expect(await refused).toMatchObject({ name: 'EngineClosed' })
  phone.network.set({ offline: false })
  const again = await phone.open()
  await expect.poll(() => again.status.sync, { timeout: 10_000 }).toMatchObject({ pending: 0, state: 'online' })
  expect((await log()).ids).toHaveLength(2)
})

test('an abort before the command is durable removes the command', async () => {
  const { device, log } = devices()
  const a = await device().open()
  const aborting = new AbortController()
  const taken = outcome(a.dispatch.add(add('x'), { ...REMOTE, signal: aborting.signal }))
  aborting.abort(new Error('enough'))
  expect(await taken).toMatchObject({ message: 'enough' })
  await a.dispatch.add(add('y'), REMOTE)
  expect((await log()).ids).toHaveLength(1)
  expect(a.read.todos.has('x')).toBe(false)
})

test('after a reload, the same commandId waits for the same command', async () => {
  const { device, log } = devices()
  const phone = device()
  const a = await phone.open()
  await expect.poll(() => a.status.sync?.state).toBe('online')
  phone.network.set({ offline: true })
  const first = outcome(a.dispatch.add(add('x'), { ...REMOTE, commandId: 'given' }))
  await expect.poll(() => outboxOf(phone.name)).toHaveLength(1)
  await a.close()
  expect(await first).toMatchObject({ kind: 'unknown' })
  const b = await phone.open()
  const again = b.dispatch.add(add('x'), { ...REMOTE, commandId: 'given' })
  expect(await outcome(b.dispatch.add(add('y'), { ...REMOTE, commandId: 'given' }))).toMatchObject({
    name: 'CommandIdConflict',
  })
  phone.network.set({ offline: false })
  expect(await again).toMatchObject({ commandId: 'given', sequence: 1, duplicate: true })
  expect(await b.dispatch.add(add('x'), { ...REMOTE, commandId: 'given' })).toMatchObject({
    sequence: 1,
    duplicate: true,
  })
  expect((await log()).ids).toEqual(['given'])
})

test('a second tab of the device gets the verdict too, and only the callers that asked for it wait', async () => {
  const { device } = devices()
  const phone = device()
  const [a, b] = [await phone.open(), await phone.open()]
  await expect.poll(() => a.status.sync?.state).toBe('online')
  phone.network.set({ offline: true })
  const waits = watched(b.dispatch.add(add('x'), { ...REMOTE, commandId: 'given' }))
  expect(await b.dispatch.add(add('x'), { commandId: 'given' })).toMatchObject({ confirmed: false })
  const other = watched(a.dispatch.add(add('x'), { ...REMOTE, commandId: 'given' }))
  await expect.poll(() => outboxOf(phone.name)).toHaveLength(1)
  expect([waits.isOver, other.isOver]).toEqual([false, false])
  phone.network.set({ offline: false })
  expect(await waits.promise).toMatchObject({ sequence: 1 })
  expect(await other.promise).toMatchObject({ sequence: 1 })
})

test('a log without a remote reports that there is no remote to wait for', async () => {
  const a = await tab(freshName())
  expect(await outcome(a.dispatch.add(add('x'), REMOTE))).toMatchObject({
    name: 'ModelError',
    message: expect.stringMatching(/has no remote/),
  })
  expect(a.read.todos.size).toBe(0)
})
