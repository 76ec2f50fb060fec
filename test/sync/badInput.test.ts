import { afterEach, expect, test, vi } from 'vitest'
import { packMessage } from '../../src/sync/message.ts'
import { dump } from '../log/storage.ts'
import { commitsOf, devices, LOG, outboxOf, rejectedOf } from './devices.ts'

afterEach(() => vi.restoreAllMocks())

const YEAR_MS = 365 * 24 * 60 * 60 * 1000
const soon = { timeout: 40_000 }
const add = (id: string) => ({ id, title: id })
const text = (message: Uint8Array): string => new TextDecoder().decode(message)
const bytes = (message: string): Uint8Array => new TextEncoder().encode(message)

test('every device skips garbage, cut, edited, replayed and foreign messages, and loses nothing', async () => {
  const { server, device, log } = devices()
  const [phone, laptop] = [device(), device()]
  const [a, b] = [await phone.open(), await laptop.open()]
  await a.dispatch.add(add('x'))
  await expect.poll(() => b.status.sequence, soon).toBe(1)
  const [first] = server.messages(LOG).map(({ message }) => message)
  const [{ id }] = text(first!)
    .split('\n')
    .slice(0, 1)
    .map((header) => JSON.parse(header))
  // A forged message names the last commit, so it would be the next message.
  const forge = (lineage: string, body: string) =>
    packMessage([{ id: 'forged', first: 2, last: 2, body }], { after: id, lineage })
  const { lineage } = JSON.parse(text(first!).split('\n')[0]!)
  const event = JSON.stringify([{ id: 'c', at: 1, events: [{ type: 'todoAdded', data: add('forged') }] }])
  const valid = await forge(lineage, event)
  for (const bad of [
    bytes('garbage'),
    new Uint8Array(0),
    crypto.getRandomValues(new Uint8Array(5000)),
    first!,
    valid.slice(0, -3),
    bytes(text(valid).replace('"forged"', '"edited"')),
    await forge('another', event),
    await forge(lineage, '[]'),
  ])
    server.put(LOG, bad)
  await b.dispatch.add(add('y'))
  await expect.poll(() => [a, b].map(({ status }) => status.sequence), soon).toEqual([2, 2])
  // A device that starts now derives the same log.
  const tablet = device()
  const c = await tablet.open()
  await expect.poll(() => c.status.sequence, soon).toBe(2)
  for (const { name } of [laptop, tablet]) expect(await commitsOf(name)).toEqual(await commitsOf(phone.name))
  for (const tab of [a, b, c]) {
    await expect.poll(() => tab.status.sync, soon).toMatchObject({ state: 'online', pending: 0, rejected: 0 })
    expect(tab.read.todos.all().map((row) => row.id)).toEqual(['x', 'y'])
  }
  expect((await log()).ids).toHaveLength(2)
})

test('a withdrawn access is reported, keeps dispatched commands, and loses nothing once it is granted again', async () => {
  const { device, log } = devices()
  const phone = device()
  const a = await phone.open()
  await a.dispatch.add(add('x'))
  await expect.poll(() => a.status.sync, soon).toMatchObject({ state: 'online', pending: 0 })
  phone.network.set({ denied: true })
  await a.dispatch.add(add('y'))
  await expect.poll(() => a.status.sync, soon).toMatchObject({ state: 'denied', pending: 1, error: { kind: 'denied' } })
  expect((await outboxOf(phone.name)).map(({ input }) => input.id)).toEqual(['y'])
  phone.network.set({ denied: false })
  await expect.poll(() => a.status.sync, { timeout: 60_000 }).toMatchObject({ state: 'online', pending: 0 })
  expect((await log()).ids).toHaveLength(2)
  expect(await rejectedOf(phone.name)).toEqual([])
}, 90_000)

test('a clock that is a year ahead or behind changes neither the order nor the log', async () => {
  const { device, log } = devices()
  const [phone, laptop] = [device(), device()]
  const [a, b] = [await phone.open(), await laptop.open()]
  const { now } = Date
  for (const [i, off] of [YEAR_MS, 0, -YEAR_MS].entries()) {
    vi.spyOn(Date, 'now').mockImplementation(() => now() + off)
    const tab = i % 2 ? b : a
    await tab.dispatch.add(add(`t${i}`))
    await expect.poll(() => [a, b].map(({ status }) => status.sequence), soon).toEqual([i + 1, i + 1])
    await expect.poll(() => tab.status.sync?.pending, soon).toBe(0)
  }
  expect((await log()).ids).toHaveLength(3)
  expect(await commitsOf(laptop.name)).toEqual(await commitsOf(phone.name))
  const commands = (await dump(phone.name, 'commits')).flatMap(({ value }) => JSON.parse(value.body))
  const years = commands.map(({ at }) => Math.round((at - now()) / YEAR_MS) + 0)
  expect(years).toEqual([1, 0, -1])
  for (const tab of [a, b]) {
    expect(tab.status.sync).toMatchObject({ state: 'online', rejected: 0 })
    expect(tab.read.todos.all().map((row) => row.id)).toEqual(['t0', 't1', 't2'])
  }
})
