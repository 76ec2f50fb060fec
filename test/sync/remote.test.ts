import { expect, test } from 'vitest'
import { packMessage } from '../../src/sync/message.ts'
import { outcome, shown } from '../engine/todos.ts'
import { dump } from '../log/storage.ts'
import { commitsOf, devices, LOG, outboxOf, rejectedOf } from './devices.ts'

const outboxRecords = async (name: string) => (await dump(name, 'outbox')).filter(({ value }) => value.body && value.id)
const add = (id: string) => ({ id, title: id })

test('S8: any device sends forgotten messages to the remote again, unchanged', async () => {
  const { server, device, log } = devices()
  const [phone, laptop] = [device(), device()]
  const [a, b] = [await phone.open(), await laptop.open()]
  for (const id of ['x', 'y', 'z']) await a.dispatch.add(add(id))
  await expect.poll(() => b.status.sequence).toBe(3)
  await expect.poll(() => a.status.sync?.pending).toBe(0)
  const before = await commitsOf(phone.name)
  server.forget(LOG, server.messages(LOG).length - 1)
  await b.dispatch.add(add('w'))
  await expect.poll(() => a.read.todos.size, { timeout: 10_000 }).toBe(4)
  expect((await commitsOf(phone.name)).slice(0, before.length)).toEqual(before)
  expect(await commitsOf(laptop.name)).toEqual(await commitsOf(phone.name))
  expect((await log()).ids).toHaveLength(4)
})

test('a log that other devices continued after a forgotten part is forked: nothing is deleted, and commands still work', async () => {
  const { server, device } = devices()
  const [phone, laptop] = [device(), device()]
  const [a, b] = [await phone.open(), await laptop.open()]
  await a.dispatch.add(add('x'))
  await expect.poll(() => b.status.sequence).toBe(1)
  laptop.network.set({ offline: true })
  await a.dispatch.add(add('y'))
  await expect.poll(() => a.status.sync?.pending).toBe(0)
  phone.network.set({ offline: true })
  server.forget(LOG, 1)
  laptop.network.set({ offline: false })
  await b.dispatch.add(add('z'))
  await expect.poll(() => b.status.sync?.pending, { timeout: 10_000 }).toBe(0)
  const before = await commitsOf(phone.name)
  phone.network.set({ offline: false })
  await expect.poll(() => a.status.sync?.state, { timeout: 10_000 }).toBe('forked')
  await a.dispatch.add(add('w'))
  expect(await commitsOf(phone.name)).toEqual(before)
  expect(a.read.todos.all().map(({ id }) => id)).toEqual(['x', 'y', 'w'])
})

test('a remote with another log and a deleted remote are told apart', async () => {
  const { server, device } = devices()
  const [phone, other] = [device(), device()]
  const a = await phone.open()
  await a.dispatch.add(add('x'))
  await expect.poll(() => a.status.sync).toMatchObject({ pending: 0, state: 'online' })
  const messages = server.messages(LOG).map(({ message }) => message)
  server.replace(LOG, [
    await packMessage(
      [
        {
          id: 'other',
          first: 1,
          last: 1,
          body: JSON.stringify([{ id: 'o', at: 1, events: [{ type: 'doneCleared' }] }]),
        },
      ],
      { after: '', lineage: 'another' },
    ),
  ])
  await expect.poll(() => a.status.sync?.state, { timeout: 10_000 }).toBe('other-log')
  server.remove(LOG)
  await expect.poll(() => a.status.sync?.state, { timeout: 10_000 }).toBe('gone')
  // A backup is restored.
  server.replace(LOG, messages)
  await expect.poll(() => a.status.sync?.state, { timeout: 60_000 }).toBe('online')
  const b = await other.open()
  await expect.poll(() => b.read.todos.size, { timeout: 10_000 }).toBe(1)
}, 90_000)

test('S3: a refusal after other commands of the device is final only when the other commands are in the log', async () => {
  const { device } = devices()
  const [phone, laptop] = [device(), device()]
  const [a, b] = [await phone.open(), await laptop.open()]
  await a.dispatch.add(add('x'))
  await expect.poll(() => b.status.sequence).toBe(1)
  laptop.network.set({ offline: true })
  // Accepted on this device, where x exists and is renamed twice.
  await b.dispatch.add(add('first'))
  await b.dispatch.rename({ id: 'x', title: 'mine' })
  await a.dispatch.remove({ id: 'x' })
  await expect.poll(() => a.status.sync?.pending).toBe(0)
  laptop.network.set({ offline: false })
  await expect.poll(() => b.status.sync, { timeout: 10_000 }).toMatchObject({ pending: 0, rejected: 1 })
  const [refused] = await rejectedOf(laptop.name)
  expect(refused).toMatchObject({ name: 'rename', error: { code: 'todo-not-found' } })
  // The log has x, its removal and `first`: the command was refused on a state of the shared log.
  expect(refused.sequence).toBe(3)
})

/** Stores a record in the outbox, as another build may have. */
async function putLocal(name: string, record: unknown, key: IDBValidKey): Promise<void> {
  const idb = await new Promise<IDBDatabase>((resolve) => {
    const request = indexedDB.open(`tidemark:${name}`)
    request.onsuccess = () => resolve(request.result)
  })
  await new Promise((resolve) => {
    const transaction = idb.transaction('outbox', 'readwrite')
    transaction.objectStore('outbox').put(record, key)
    transaction.oncomplete = resolve
  })
  idb.close()
}

test('S9: a build that does not know a command never refuses it: it stops, and status says so', async () => {
  const { device } = devices()
  const [phone, laptop] = [device(), device()]
  const [a, b] = [await phone.open(), await laptop.open()]
  laptop.network.set({ offline: true })
  await b.dispatch.addOnce(add('mine'))
  // A command of a newer build.
  const [record] = (await dump(laptop.name, 'outbox')).filter(({ value }) => value.body)
  const body = record!.value.body.replace('"name":"addOnce"', '"name":"addLater"')
  await putLocal(laptop.name, { ...record!.value, body }, record!.key)
  await a.dispatch.add(add('x'))
  await expect.poll(() => a.status.sync?.pending).toBe(0)
  laptop.network.set({ offline: false })
  await expect.poll(() => b.status.sync?.state, { timeout: 10_000 }).toBe('outdated')
  expect(await outboxOf(laptop.name)).toMatchObject([{ name: 'addLater' }])
  expect(await rejectedOf(laptop.name)).toEqual([])
  expect(await commitsOf(laptop.name)).toEqual([])
  // The reload loads the build that knows the command.
  await b.close()
  await putLocal(laptop.name, { ...record!.value }, record!.key)
  const again = await laptop.open()
  await expect.poll(() => again.status.sync).toMatchObject({ state: 'online', pending: 0, rejected: 0 })
  expect(again.read.todos.all().map(({ id }) => id)).toEqual(['x', 'mine'])
})

test('S5: an id of two devices is appended once: the same command is answered, another input is a conflict', async () => {
  const { device, log } = devices()
  const [phone, laptop] = [device(), device()]
  const [a, b] = [await phone.open(), await laptop.open()]
  laptop.network.set({ offline: true })
  await a.dispatch.add(add('x'), { commandId: 'same' })
  await a.dispatch.add(add('y'), { commandId: 'other' })
  await b.dispatch.add(add('x'), { commandId: 'same' })
  await b.dispatch.add(add('z'), { commandId: 'other' })
  await expect.poll(() => a.status.sync?.pending).toBe(0)
  laptop.network.set({ offline: false })
  await expect.poll(() => b.status.sync, { timeout: 10_000 }).toMatchObject({ pending: 0, rejected: 1 })
  expect(await rejectedOf(laptop.name)).toMatchObject([
    { id: 'other', input: add('z'), error: { name: 'CommandIdConflict' } },
  ])
  expect((await log()).ids).toEqual(['same', 'other'])
  expect(await b.dispatch.add(add('x'), { commandId: 'same' })).toMatchObject({ sequence: 1, duplicate: true })
  expect(await outcome(b.dispatch.add(add('z'), { commandId: 'other' }))).toMatchObject({ name: 'CommandIdConflict' })
})

test('many small records of an offline device are packed into a few, and their commands do not change', async () => {
  const { device } = devices()
  const phone = device()
  const [a, b] = [await phone.open(), await phone.open()]
  await expect.poll(() => a.status.sync?.state).toBe('online')
  phone.network.set({ denied: true })
  for (let i = 0; i < 80; i++) await a.dispatch.number()
  const before = shown(a).todos
  await expect.poll(async () => (await outboxRecords(phone.name)).length, { timeout: 10_000 }).toBeLessThan(64)
  expect(await outboxOf(phone.name)).toHaveLength(80)
  phone.network.set({ denied: false })
  await expect.poll(() => a.status.sync?.pending, { timeout: 20_000 }).toBe(0)
  expect(shown(a).todos).toEqual(before)
  await expect.poll(() => b.status.sequence).toBe(80)
  expect(shown(b).todos).toEqual(before)
})

test('S7: a command above the size limit of the remote is refused, and blocks no later command', async () => {
  const { device } = devices({ bytes: 3000 })
  const a = await device().open()
  await a.dispatch.add({
    id: 'large',
    title: Array.from({ length: 9000 }, () => Math.random().toString(36)[5]).join(''),
  })
  await a.dispatch.add(add('small'))
  await expect.poll(() => a.status.sync, { timeout: 10_000 }).toMatchObject({ pending: 0, rejected: 1 })
  expect(a.read.todos.all().map(({ id }) => id)).toEqual(['small'])
})
