import { exportLog, importLog } from 'tidemark/tools'
import { expect, test, vi } from 'vitest'
import { outcome, shown } from '../engine/todos.ts'
import { dump, inDatabase } from '../log/storage.ts'
import { devices, outboxOf } from './devices.ts'

const add = (id: string) => ({ id, title: id })

/** A device with a shared log of two commands, and a file of it. */
async function withFile() {
  const world = devices()
  const phone = world.device()
  const a = await phone.open()
  await a.dispatch.add(add('x'), { durability: 'remote' })
  await a.dispatch.add(add('y'), { durability: 'remote' })
  /** Takes another device online, whose one command comes third in the shared log. */
  async function sends({ network }: typeof phone, b: typeof a): Promise<void> {
    network.set({ offline: false })
    await expect.poll(() => b.status.sync).toMatchObject({ state: 'online', pending: 0 })
    await expect.poll(() => a.status.sequence).toBe(3)
    expect(shown(a)).toEqual(shown(b))
    expect((await world.log()).ids).toHaveLength(3)
  }
  return { ...world, a, sends, file: await new Response(exportLog(a)).blob() }
}

test('an import into a log with a command in its outbox is refused, because the outbox is not empty; the command is sent', async () => {
  const { device, sends, file } = await withFile()
  const laptop = device()
  laptop.network.set({ offline: true })
  const b = await laptop.open()
  await b.dispatch.add(add('mine'))
  expect(await outcome(importLog(b, file))).toMatchObject({
    name: 'ImportError',
    reason: expect.stringContaining('not empty'),
  })
  expect(await outboxOf(laptop.name)).toHaveLength(1)
  await sends(laptop, b)
})

test('an import counts a log as empty although a record that fell under the marker is left over', async () => {
  const { device, sends, file } = await withFile()
  const laptop = device()
  laptop.network.set({ offline: true })
  const before = await laptop.open()
  const [mark] = (await dump(laptop.name, 'outbox')).map(({ value }) => value)
  await before.close()
  // Another tab has moved the marker, and the tab that added a record below it has died.
  await inDatabase(laptop.name, (store) => {
    store('outbox').delete(mark.n)
    store('outbox').put({ n: mark.n + 1, id: 'left over', body: '[]' }, mark.n + 1)
    store('outbox').put({ ...mark, n: mark.n + 2 }, mark.n + 2)
  })
  const b = await laptop.open()
  expect(await importLog(b, file)).toEqual({ sequence: 2 })
  await b.dispatch.add(add('mine'))
  expect(await outboxOf(laptop.name)).toHaveLength(1)
  await sends(laptop, b)
})

test('a new device that begins with a file of the shared log continues after it', async () => {
  const { device, sends, file } = await withFile()
  const laptop = device()
  laptop.network.set({ offline: true })
  const b = await laptop.open()
  expect(await importLog(b, file)).toEqual({ sequence: 2 })
  await b.dispatch.add(add('mine'))
  await sends(laptop, b)
})

test('an import into an empty log is noticed although its hint was lost', async () => {
  const { device, a, file } = await withFile()
  const laptop = device()
  laptop.network.set({ offline: true })
  // This tab has the pipeline that follows the remote.
  await laptop.open()
  const b = await laptop.open()
  const { postMessage } = BroadcastChannel.prototype
  const deaf = vi.spyOn(BroadcastChannel.prototype, 'postMessage').mockImplementation(function (
    this: BroadcastChannel,
    hint: object,
  ) {
    if (!('adopted' in hint)) postMessage.call(this, hint)
  })
  expect(await importLog(b, file)).toEqual({ sequence: 2 })
  deaf.mockRestore()
  await b.dispatch.add(add('mine'))
  laptop.network.set({ offline: false })
  await expect.poll(() => b.status.sync).toMatchObject({ state: 'online', pending: 0 })
  await expect.poll(() => a.status.sequence).toBe(3)
  expect(shown(a)).toEqual(shown(b))
})
