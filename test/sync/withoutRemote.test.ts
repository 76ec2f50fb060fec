import { afterEach, expect, test, vi } from 'vitest'
import { tab } from '../engine/kit.ts'
import { dump } from '../log/storage.ts'
import { devices, LOG } from './devices.ts'

const add = (id: string) => ({ id, title: id })

afterEach(() => {
  vi.restoreAllMocks()
})

async function begun(name: string): Promise<void> {
  const before = await tab(name, {}, { mirror: false })
  await before.dispatch.add(add('old'))
  await before.projected()
  await before.close()
}

/** A database from before there were remotes. */
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
  ['an existing log', begun],
  [
    'an existing log of an older database',
    async (name: string) => {
      await begun(name)
      await makeOlder(name)
    },
  ],
])(
  'a remote that is given to %s sends nothing and takes nothing, and status says so and what to do',
  async (_, begin) => {
    const warned = vi.spyOn(console, 'warn').mockImplementation(() => {})
    const { device, server } = devices()
    const [phone, other] = [device(), device()]
    await begin(phone.name)
    const elsewhere = await other.open()
    await elsewhere.dispatch.add(add('theirs'))
    await expect.poll(() => elsewhere.status.sync?.pending).toBe(0)
    const sent = server.messages(LOG).length

    const a = await phone.open()
    const told = new Set<Error | undefined>()
    const note = () => told.add(a.status.sync?.error)
    note()
    a.subscribe(note)
    await expect
      .poll(() => a.status.sync)
      .toMatchObject({
        state: 'waiting',
        pending: 0,
        error: { name: 'StorageError', kind: 'unavailable' },
      })
    expect(a.status.sync?.error?.message).toContain(`"${phone.name}" is not synchronised`)
    expect(a.status.sync?.error?.message).toContain('under another name')
    expect(warned.mock.calls.flat().filter((said) => String(said).includes('is not synchronised'))).toHaveLength(1)
    // It works on as it was.
    const receipt = await a.dispatch.add(add('new'))
    expect(receipt.sequence).toBe(2)
    expect((await dump(phone.name, 'commits')).map(({ value }) => value.last)).toEqual([1, 2])
    // The tab says it, and whoever follows the remote says the same.
    told.delete(undefined)
    await expect.poll(() => told.size, { timeout: 10_000 }).toBeGreaterThan(1)
    expect(new Set([...told].map((error) => error?.message)).size).toBe(1)
    expect(server.messages(LOG)).toHaveLength(sent)
    expect(a.read.todos.all().map(({ id }) => id)).toEqual(['old', 'new'])
    expect(elsewhere.read.todos.all().map(({ id }) => id)).toEqual(['theirs'])
  },
)
