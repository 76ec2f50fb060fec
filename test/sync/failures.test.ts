import { ProjectionFailed } from 'tidemark'
import { expect, test } from 'vitest'
import { packMessage } from '../../src/sync/message.ts'
import { broken } from '../engine/kit.ts'
import { outcome } from '../engine/todos.ts'
import { abortWith } from '../log/storage.ts'
import { commitsOf, devices, LOG, outboxOf, putSingle, rejectedOf } from './devices.ts'

const soon = { timeout: 40_000 }
const add = (id: string) => ({ id, title: id })
const idle = { state: 'online', pending: 0, rejected: 0 }
const idsOf = (events: readonly { readonly read: { readonly todos: { all(): readonly { id: string }[] } } }[]) =>
  events.map(({ read }) => read.todos.all().map(({ id }) => id))

test('a command whose answer was lost, or whose message comes late, is in the log once', async () => {
  const { device, log } = devices({ lateMs: 300 })
  const [phone, laptop] = [device(), device()]
  const [a, b] = [await phone.open(), await laptop.open()]
  await expect.poll(() => [a, b].map(({ status }) => status.sync?.state), soon).toEqual(['online', 'online'])
  for (const faults of [{ lostAck: 1 }, { late: 1 }, { doubled: 1 }, { lost: 1 }]) {
    const { sequence } = b.status
    const [name = ''] = Object.keys(faults)
    phone.network.set({ faults })
    await a.dispatch.add(add(name))
    setTimeout(() => phone.network.set({ faults: {} }), 1000)
    await expect.poll(() => [a, b].map(({ status }) => status.sequence), soon).toEqual([sequence + 1, sequence + 1])
    await expect.poll(() => a.status.sync, soon).toMatchObject(idle)
  }
  const { ids } = await log()
  expect(new Set(ids).size).toBe(4)
  expect(ids).toHaveLength(4)
  expect(idsOf([a, b])).toEqual([
    ['lostAck', 'late', 'doubled', 'lost'],
    ['lostAck', 'late', 'doubled', 'lost'],
  ])
})

test('a command that throws when it is decided again is rejected with that error, and blocks no later command', async () => {
  const { device } = devices()
  const [phone, laptop] = [device(), device()]
  let isBroken = false
  const a = await phone.open({
    deciding: () => {
      if (isBroken) throw new RangeError('a bug of the app')
    },
  })
  const b = await laptop.open()
  phone.network.set({ offline: true })
  await a.dispatch.add(add('thrown'))
  await a.dispatch.number()
  await b.dispatch.add(add('theirs'))
  await expect.poll(() => b.status.sync, soon).toMatchObject(idle)
  isBroken = true
  phone.network.set({ offline: false })
  await expect.poll(() => a.status.sync, soon).toMatchObject({ state: 'online', pending: 0, rejected: 1 })
  expect(await rejectedOf(phone.name)).toMatchObject([
    { name: 'add', input: add('thrown'), error: { message: expect.stringContaining('a bug of the app') }, sequence: 1 },
  ])
  expect(a.read.todos.size).toBe(2)
})

test('a valid event that a projection can not fold fails that projection on every device, and status names its position', async () => {
  const { device, server } = devices()
  const [phone, laptop] = [device(), device()]
  const [a, b] = [await phone.open({ poison: 'poison' }), await laptop.open({ poison: 'poison' })]
  await putSingle(server, 1, 1)
  const event = { type: 'todoAdded', data: { id: 'bad', title: 'poison' } }
  const record = { id: 'r2', first: 2, last: 2, body: JSON.stringify([{ id: 'c2', at: 2, events: [event] }]) }
  server.put(LOG, await packMessage([record], { after: 'r1', lineage: 'lineage' }))
  for (const tab of [a, b]) {
    await expect.poll(() => tab.status.sequence, soon).toBe(2)
    expect(tab.status.projections).toMatchObject({
      titles: { state: 'failed', sequence: 2, error: expect.any(ProjectionFailed) },
      todos: { state: 'ready' },
    })
    expect(tab.status.state).toBe('ready')
  }
  // Commands that do not read this projection work, and reach the other device.
  await a.dispatch.add(add('later'))
  await expect.poll(() => [a, b].map(({ status }) => status.sequence), soon).toEqual([3, 3])
  expect(idsOf([a, b])).toEqual([
    ['1', 'bad', 'later'],
    ['1', 'bad', 'later'],
  ])
  expect(await commitsOf(laptop.name)).toEqual(await commitsOf(phone.name))
})

test('a projection that failed and is rebuilt shows the commands that the remote has not ordered, too', async () => {
  const { device, server } = devices()
  const phone = device()
  let isBroken = true
  const a = await phone.open({
    folding: () => {
      if (isBroken) throw new RangeError('a bug of the app')
    },
  })
  await putSingle(server, 1, 1)
  await expect.poll(() => a.status.sequence, soon).toBe(1)
  phone.network.set({ offline: true })
  await a.dispatch.add(add('local'))
  expect(a.status.projections.titles.state).toBe('failed')
  isBroken = false
  await a.rebuild()
  expect(a.status.projections.titles.state).toBe('ready')
  expect(a.read.titles.all().map(({ title }) => title)).toEqual(['x', 'local'])
  phone.network.set({ offline: false })
  await expect.poll(() => a.status.sync, soon).toMatchObject(idle)
  expect(a.read.titles.all().map(({ title }) => title)).toEqual(['x', 'local'])
})

test('a message of a newer build that continues the log stops every device, which keeps its commands', async () => {
  const { device, server } = devices()
  const [phone, laptop] = [device(), device()]
  const [a, b] = [await phone.open(), await laptop.open()]
  await putSingle(server, 1, 1)
  await expect.poll(() => [a, b].map(({ status }) => status.sequence), soon).toEqual([1, 1])
  phone.network.set({ offline: true })
  await a.dispatch.add(add('kept'))
  const record = { id: 'r2', first: 2, last: 2, body: '[]' }
  const message = await packMessage([record], { after: 'r1', lineage: 'lineage' })
  const [header = '', body = ''] = new TextDecoder().decode(message).split('\n')
  const newer = JSON.stringify({ ...JSON.parse(header), v: 99 })
  server.put(LOG, new TextEncoder().encode(`${newer}\n${body}\n`))
  phone.network.set({ offline: false })
  for (const tab of [a, b]) {
    await expect.poll(() => tab.status.sync?.state, soon).toBe('outdated')
    expect(tab.status.sequence).toBe(1)
  }
  expect(a.status.sync?.pending).toBe(1)
  expect((await outboxOf(phone.name)).map(({ input }) => input.id)).toEqual(['kept'])
})

test('on a full disk a dispatch is rejected, and the commands that wait for the remote stay', async () => {
  const { device, log } = devices()
  const phone = device()
  phone.network.set({ offline: true })
  const a = await phone.open()
  await a.dispatch.add(add('kept'))
  const faults = broken()
  faults.onWrite = (store, _value, _key, transaction) => {
    if (store === 'outbox') abortWith(transaction, 'QuotaExceededError')
  }
  expect(await outcome(a.dispatch.add(add('refused')))).toMatchObject({ name: 'StorageError', kind: 'quota' })
  expect((await outboxOf(phone.name)).map(({ input }) => input.id)).toEqual(['kept'])
  expect(idsOf([a])).toEqual([['kept']])
  faults.onWrite = undefined
  await a.dispatch.add(add('later'))
  phone.network.set({ offline: false })
  await expect.poll(() => a.status.sync, soon).toMatchObject(idle)
  expect((await log()).ids).toHaveLength(2)
})

test('a full disk stops the reading of the remote, and nothing is lost or skipped', async () => {
  const { device, server } = devices()
  const phone = device()
  const a = await phone.open()
  await expect.poll(() => a.status.sync?.state, soon).toBe('online')
  const faults = broken()
  faults.onWrite = (store, _value, _key, transaction) => {
    if (store === 'commits') abortWith(transaction, 'QuotaExceededError')
  }
  await putSingle(server, 1, 3)
  await expect
    .poll(() => a.status.sync, soon)
    .toMatchObject({ state: 'waiting', error: { name: 'StorageError', kind: 'quota' } })
  expect(a.status.sequence).toBe(0)
  faults.onWrite = undefined
  await expect.poll(() => a.status.sequence, soon).toBe(3)
  await expect.poll(() => a.status.sync, soon).toMatchObject(idle)
})
