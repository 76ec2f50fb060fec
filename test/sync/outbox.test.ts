import type { OpenRemote } from 'tidemark'
import { expect, test } from 'vitest'
import { wire } from '../engine/channel.ts'
import { broken, quiet, tab, traffic } from '../engine/kit.ts'
import { collect, freshName, later, outcome, shown, type TodoApp } from '../engine/todos.ts'
import { dump, isAppend, loseAnswer } from '../log/storage.ts'

/** A remote that no device reads or writes, so that commands stay in the outbox. */
const nowhere: OpenRemote = () => ({
  append: () => new Promise(() => {}),
  async *read() {},
  watch: () => () => {},
  limits: { bytes: 1_000_000 },
})
const openShared = (name: string, app: TodoApp = {}, options = {}) => tab(name, app, { remote: nowhere, ...options })
const add = (id: string) => ({ id, title: id })
const keys = async (name: string) => (await dump(name, 'outbox')).map(({ key }) => key)
const isLocalAppend = (stores: readonly string[], mode?: string): boolean =>
  mode === 'readwrite' && stores.includes('outbox') && !stores.includes('meta')

test('a command of a log with a remote is durable in the outbox, is shown, and has no sequence yet', async () => {
  const name = freshName()
  const a = await openShared(name)
  const receipt = await a.dispatch.add(add('x'))
  expect(receipt).toMatchObject({ confirmed: false, duplicate: false, events: [{ type: 'todoAdded' }] })
  expect('sequence' in receipt).toBe(false)
  expect(a.status).toMatchObject({ sequence: 0, pending: 0, sync: { pending: 1, rejected: 0 } })
  expect(await dump(name, 'commits')).toEqual([])
  const [marker, record] = await dump(name, 'outbox')
  expect(marker?.value).toMatchObject({ n: 0, base: 0, last: '' })
  expect(JSON.parse(record?.value.body)).toMatchObject([{ name: 'add', input: add('x'), ids: [], model: 1 }])
})

test('S6: a tab opens with the commands in the outbox, with one request more than a log without a remote', async () => {
  const [name, plain] = [freshName(), freshName()]
  const first = await openShared(name)
  await first.dispatch.add({ title: 'one' })
  await first.dispatch.add({ title: 'two' })
  const other = await tab(plain)
  const before = shown(first)
  await Promise.all([first.close(), other.close()])
  await quiet()
  const boot = async (name: string) => {
    const watched = traffic()
    const opened = await tab(name, {}, { mirror: false })
    const requests = [...watched.requests]
    watched.stop()
    expect(requests.filter((one) => one.endsWith('outbox'))).toHaveLength(name === plain ? 0 : 1)
    await quiet()
    return { opened, requests: requests.length }
  }
  const without = await boot(plain)
  const { opened, requests } = await boot(name)
  expect(requests).toBe(without.requests + 1)
  // Also without the option, because the format of the log decides.
  expect(shown(opened)).toEqual(before)
  expect(opened.status.sync).toMatchObject({ pending: 2 })
})

test('S12: a log without a remote loads no code of sync, and stores nothing for it', async () => {
  const name = freshName()
  const watched = traffic()
  const a = await tab(name, {}, { mirror: false })
  await a.dispatch.add(add('x'))
  await a.dispatch.addOnce(add('y'))
  await a.projected()
  await a.close()
  await quiet()
  const stores = ['outbox', 'rejected', 'sent']
  expect(watched.requests.filter((one) => stores.some((store) => one.endsWith(store)))).toEqual([])
  expect(await Promise.all(stores.map((store) => dump(name, store)))).toEqual([[], [], []])
})

test('tabs race for the outbox, and each command is decided on exactly the commands before it', async () => {
  wire()
  const name = freshName()
  const [a, b] = [await openShared(name), await openShared(name)]
  const sent: Promise<unknown>[] = []
  for (let i = 0; i < 20; i++) {
    sent.push(a.dispatch.number(), b.dispatch.number())
    await later(i % 3)
  }
  await Promise.all(sent)
  await expect.poll(() => b.status.sync?.pending).toBe(40)
  const c = await openShared(name)
  expect(c.read.todos.all().map(({ title }) => title)).toEqual(Array.from({ length: 40 }, (_, i) => String(i)))
  expect(shown(c).todos).toEqual(shown(b).todos)
})

test('a hint brings the row of another tab; if the hint is lost, the next append loses its race and finds the row', async () => {
  const net = wire()
  const name = freshName()
  const [a, b] = [await openShared(name), await openShared(name)]
  await a.dispatch.add(add('x'))
  await expect.poll(() => b.read.todos.size).toBe(1)
  net.fate = () => 0
  await a.dispatch.add(add('y'))
  await later(5)
  expect(b.read.todos.size).toBe(1)
  expect(await outcome(b.dispatch.addOnce(add('y')))).toMatchObject({ name: 'CommandRejected' })
  await b.dispatch.add(add('z'))
  expect(b.read.todos.all().map(({ id }) => id)).toEqual(['x', 'y', 'z'])
  expect(await keys(name)).toEqual([0, 1, 2, 3])
})

test('a commandId is answered from the outbox, and conflicts with another input', async () => {
  const name = freshName()
  const [a, b] = [await openShared(name), await openShared(name)]
  const first = await a.dispatch.add(add('x'), { commandId: 'once' })
  expect(await b.dispatch.add(add('x'), { commandId: 'once' })).toMatchObject({ duplicate: true, confirmed: false })
  expect(await a.dispatch.add(add('x'), { commandId: 'once' })).toMatchObject({ ...first, duplicate: true })
  expect(await outcome(b.dispatch.add(add('y'), { commandId: 'once' }))).toMatchObject({ name: 'CommandIdConflict' })
  expect(await outcome(a.dispatch.addOnce(add('x'), { commandId: 'other' }))).toMatchObject({ code: 'taken' })
  expect(await keys(name)).toEqual([0, 1])
})

test('an append whose answer was lost is found in the outbox, and not repeated', async () => {
  const name = freshName()
  const a = await openShared(name)
  const storage = broken()
  storage.onTransaction = (transaction, stores, mode) => {
    if (!isLocalAppend(stores, mode)) return
    storage.onTransaction = undefined
    loseAnswer(transaction)
  }
  expect(await a.dispatch.add(add('x'))).toMatchObject({ confirmed: false, duplicate: false })
  expect(await keys(name)).toEqual([0, 1])
  expect(isAppend([], 'readonly')).toBe(false)
})

test('a record that is stored below the marker is removed and decided again', async () => {
  const name = freshName()
  wire().fate = () => 0
  const [a, b] = [await openShared(name), await openShared(name)]
  await a.dispatch.add(add('x'), { commandId: 'x' })
  // Another writer has rewritten the outbox above what b has seen.
  const idb = await new Promise<IDBDatabase>((resolve) => {
    const request = indexedDB.open(`tidemark:${name}`)
    request.onsuccess = () => resolve(request.result)
  })
  const [, { value: record } = { value: undefined }] = await dump(name, 'outbox')
  await new Promise<void>((resolve) => {
    const transaction = idb.transaction('outbox', 'readwrite')
    const outbox = transaction.objectStore('outbox')
    outbox.clear()
    // A record that another stale tab left there.
    outbox.put({ ...record, n: 3, id: 'garbage' }, 3)
    outbox.put({ n: 7, base: 0, last: '', generation: 1 }, 7)
    outbox.put({ ...record, n: 8 }, 8)
    transaction.oncomplete = () => resolve()
  })
  idb.close()
  expect(await b.dispatch.number()).toMatchObject({ confirmed: false, events: [{ data: { title: '1' } }] })
  expect(await keys(name)).toEqual([7, 8, 9])
  expect((await dump(name, 'commands')).map(({ key }) => key)).toEqual(['x'])
  await a.dispatch.number()
  expect(a.read.todos.all().map(({ title }) => title)).toEqual(['x', '1', '2'])
})

test('commands that lost two races are decided inside the transaction', async () => {
  wire().fate = () => 0
  const name = freshName()
  const [a, b] = [await openShared(name), await openShared(name)]
  const storage = broken()
  let races = 0
  storage.onTransaction = (_, stores, mode) => {
    // b wins each race.
    if (!isLocalAppend(stores, mode) || races >= 4 || races % 2) return
    races++
  }
  const all = await Promise.all(Array.from({ length: 30 }, (_, i) => (i % 2 ? a : b).dispatch.number()))
  expect(all).toHaveLength(30)
  const c = await openShared(name)
  expect(c.read.todos.all().map(({ title }) => title)).toEqual(Array.from({ length: 30 }, (_, i) => String(i)))
})

test('sequence and projections count only the shared log; history marks commands that are not in it', async () => {
  const a = await openShared(freshName())
  await a.dispatch.add(add('x'))
  expect(await collect(a.history())).toMatchObject([{ sequence: 1, pending: true }])
  await a.projected()
  expect(a.status).toMatchObject({ sequence: 0, projected: 0 })
})
