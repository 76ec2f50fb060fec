import { archive } from 'tidemark/tools'
import { afterEach, expect, test, vi } from 'vitest'
import { append } from '../../src/log/append.ts'
import { openDatabase, readIdentity } from '../../src/log/database.ts'
import { readAfter } from '../../src/log/read.ts'
import { seal } from '../../src/log/seal.ts'
import { tab } from '../engine/kit.ts'
import { outcome, shown } from '../engine/todos.ts'
import { dump } from '../log/storage.ts'
import { commitsOf, devices, LOG, outboxOf } from './devices.ts'

const add = (id: string) => ({ id, title: id })

afterEach(() => {
  vi.restoreAllMocks()
})

/** Creates a log with events from before it had a remote. */
async function begun(name: string, count = 1): Promise<void> {
  const before = await tab(name, {}, { mirror: false })
  await before.dispatch.add(add('old'), { commandId: 'given' })
  for (let i = 1; i < count; i++) await before.dispatch.number()
  await before.projected()
  await before.close()
}

const identity = async (name: string) => (await dump(name, 'meta')).find(({ key }) => key === 'log')!.value

/** Creates a log whose events are all in segments. */
async function sealed(name: string): Promise<void> {
  const database = await openDatabase(name)
  const head = (await dump(name, 'commits')).at(-1)!.value.last
  while (await seal(database, head, undefined, true));
  database.close()
}

/** Changes a database to a version without remotes. */
async function makeOlder(name: string): Promise<void> {
  const found = [
    'commits',
    'segments',
    'bodies',
    'commands',
    'types',
    'pages',
    'checkpoints',
    'rowEvents',
    'bases',
    'meta',
  ]
  const kept = await Promise.all(found.map(async (store) => [store, await dump(name, store)] as const))
  await new Promise((resolve) => {
    indexedDB.deleteDatabase(`tidemark:${name}`).onsuccess = resolve
  })
  await new Promise((resolve) => {
    const request = indexedDB.open(`tidemark:${name}`, 10)
    request.onupgradeneeded = () => {
      for (const [store, all] of kept) {
        const made = request.result.createObjectStore(store)
        for (const { key, value } of all) made.add(value, key)
      }
    }
    request.onsuccess = () => {
      request.result.close()
      resolve(undefined)
    }
  })
}

test.each([
  ['an existing log', (name: string) => begun(name, 3)],
  [
    'an existing log of an older database',
    async (name: string) => {
      await begun(name, 3)
      await makeOlder(name)
    },
  ],
  [
    'an existing log that is sealed to its end',
    async (name: string) => {
      await begun(name, 3)
      await sealed(name)
    },
  ],
])(
  '%s goes online as it is: its events are uploaded unchanged, and new events are ordered after them',
  async (_, create) => {
    const { device, log } = devices()
    const [phone, laptop] = [device(), device()]
    await create(phone.name)
    const before = await identity(phone.name)
    const a = await phone.open()
    expect(await identity(phone.name)).toMatchObject({ format: 3, lineage: before.lineage })
    expect((await identity(phone.name)).id).not.toBe(before.id)
    expect(await a.dispatch.add(add('new'))).toMatchObject({ confirmed: false })
    await expect.poll(() => a.status.sync, { timeout: 10_000 }).toMatchObject({ state: 'online', pending: 0 })
    const b = await laptop.open()
    await expect.poll(() => b.status.sequence, { timeout: 10_000 }).toBe(4)
    expect(shown(b)).toEqual(shown(a))
    expect((await log()).ids).toHaveLength(4)
    // The events of this device are on every device.
    expect(await b.dispatch.add(add('old'), { commandId: 'given' })).toMatchObject({ sequence: 1, duplicate: true })
    expect(await identity(laptop.name)).toMatchObject({ lineage: before.lineage })
    expect((await commitsOf(laptop.name)).slice(-1)).toEqual((await commitsOf(phone.name)).slice(-1))
  },
)

test('an empty log goes online, and takes over the log that it finds', async () => {
  const { device } = devices()
  const [phone, laptop] = [device(), device()]
  const before = await tab(phone.name, {}, { mirror: false })
  await before.close()
  const b = await laptop.open()
  await b.dispatch.add(add('theirs'), { durability: 'remote' })
  const a = await phone.open()
  await expect.poll(() => a.read.todos.has('theirs'), { timeout: 10_000 }).toBe(true)
})

test('while another tab has the log open, nothing is sent, and status says what to do; the next tab that is alone takes the log online', async () => {
  const warned = vi.spyOn(console, 'warn').mockImplementation(() => {})
  const { device, server } = devices()
  const phone = device()
  await begun(phone.name)
  const older = await tab(phone.name, {}, { mirror: false })
  await expect.poll(() => older.status.worker).toBe('in-page')
  const a = await phone.open()
  await expect
    .poll(() => a.status.sync)
    .toMatchObject({ state: 'waiting', pending: 0, error: { name: 'StorageError', kind: 'unavailable' } })
  expect(a.status.sync?.error?.message).toContain('close the other tabs')
  expect(warned.mock.calls.flat().filter((said) => String(said).includes('is not synchronised'))).toHaveLength(1)
  // Both keep working.
  expect(await a.dispatch.add(add('new'))).toMatchObject({ sequence: 2 })
  await expect.poll(() => older.read.todos.has('new')).toBe(true)
  expect(server.messages(LOG)).toHaveLength(0)
  await older.close()
  await a.close()
  const again = await phone.open()
  await expect.poll(() => again.status.sync, { timeout: 10_000 }).toMatchObject({ state: 'online', pending: 0 })
  await expect.poll(() => server.messages(LOG).length).toBeGreaterThan(0)
  expect(await commitsOf(phone.name)).toHaveLength(2)
})

test('two tabs that open at the same time take the log online once, and both continue', async () => {
  vi.spyOn(console, 'warn').mockImplementation(() => {})
  const { device, log } = devices()
  const phone = device()
  await begun(phone.name)
  const [a, b] = await Promise.all([phone.open(), phone.open()])
  await a.dispatch.add(add('a'))
  await b.dispatch.add(add('b'))
  await expect.poll(() => a.status.sync, { timeout: 10_000 }).toMatchObject({ state: 'online', pending: 0 })
  expect((await log()).ids).toHaveLength(3)
  expect(shown(a)).toEqual(shown(b))
})

test('a tab that read the log before it went online, unknown to the other tabs, appends nothing to it any more', async () => {
  const { device } = devices()
  const phone = device()
  await begun(phone.name)
  const stale = await openDatabase(phone.name)
  stale.log = await identity(phone.name)
  await phone.open()
  const record = { id: 'late', first: 2, last: 2, body: '[{"id":"l","at":1,"events":[{"type":"doneCleared"}]}]' }
  const late = append(stale, record, { types: [], entries: [], durability: 'relaxed' })
  expect(await outcome(late)).toMatchObject({ name: 'EngineClosed', reason: 'log replaced' })
  expect(await commitsOf(phone.name)).toHaveLength(1)
})

test('a tab that connects again as soon as it can, while a log goes online, appends nothing to it any more', async () => {
  const { device } = devices()
  const phone = device()
  await begun(phone.name)
  const stale = await openDatabase(phone.name)
  stale.log = await identity(phone.name)
  const { open } = indexedDB
  let again: Promise<unknown> | undefined
  vi.spyOn(indexedDB, 'open').mockImplementation((name, version) => {
    const request = open.call(indexedDB, name, version)
    if (version !== undefined)
      request.addEventListener('success', () => {
        again = outcome(readIdentity(stale))
      })
    return request
  })
  await phone.open()
  await again
  const record = { id: 'late', first: 2, last: 2, body: '[{"id":"l","at":1,"events":[{"type":"doneCleared"}]}]' }
  const late = append(stale, record, { types: [], entries: [], durability: 'relaxed' })
  expect(await outcome(late)).toMatchObject({ name: 'EngineClosed', reason: 'log replaced' })
  expect(await commitsOf(phone.name)).toHaveLength(1)
})

test('a remote with another log stays unchanged, and so does the local log', async () => {
  const { device, server } = devices()
  const [phone, other] = [device(), device()]
  await begun(phone.name)
  const elsewhere = await other.open()
  await elsewhere.dispatch.add(add('theirs'), { durability: 'remote' })
  const sent = server.messages(LOG).length
  const before = await commitsOf(phone.name)
  const a = await phone.open()
  await expect.poll(() => a.status.sync?.state, { timeout: 10_000 }).toBe('other-log')
  await a.dispatch.add(add('new'))
  expect(await commitsOf(phone.name)).toEqual(before)
  expect(await outboxOf(phone.name)).toHaveLength(1)
  expect(a.read.todos.all().map(({ id }) => id)).toEqual(['old', 'new'])
  expect(server.messages(LOG)).toHaveLength(sent)
  expect(elsewhere.read.todos.all().map(({ id }) => id)).toEqual(['theirs'])
})

test('an archived log does not go online, and status says why', async () => {
  const warned = vi.spyOn(console, 'warn').mockImplementation(() => {})
  const { device, server } = devices()
  const phone = device()
  await begun(phone.name, 3)
  const before = await tab(phone.name, {}, { mirror: false })
  await archive(before, { before: 3 })
  await before.close()
  const a = await phone.open()
  await expect.poll(() => a.status.sync).toMatchObject({ state: 'waiting' })
  expect(a.status.sync?.error?.message).toContain('were archived')
  expect(warned).toHaveBeenCalled()
  expect(await identity(phone.name)).toMatchObject({ format: 2 })
  expect(server.messages(LOG)).toHaveLength(0)
})

test('a connection from before the log took over the lineage of its remote reads the segments that were sealed since', async () => {
  const { device } = devices()
  const [phone, laptop] = [device(), device()]
  const b = await laptop.open()
  await b.dispatch.add(add('theirs'), { durability: 'remote' })
  phone.network.set({ offline: true })
  const a = await phone.open()
  const older = await openDatabase(phone.name)
  older.log = await identity(phone.name)
  phone.network.set({ offline: false })
  await expect.poll(() => a.read.todos.has('theirs'), { timeout: 10_000 }).toBe(true)
  await a.close()
  await sealed(phone.name)
  const found = []
  for await (const records of readAfter(older, 0)) found.push(...records)
  expect(found).toHaveLength(1)
  older.close()
})
