import type { Remote } from 'tidemark'
import { defineRemote } from 'tidemark/sync'
import { afterEach, expect, test, vi } from 'vitest'
import { tab } from '../engine/kit.ts'
import { freshName, later } from '../engine/todos.ts'
import { dump } from '../log/storage.ts'
import { devices, LOG, putSingle } from './devices.ts'

afterEach(() => vi.restoreAllMocks())

/** Records the stores of each transaction from now on. */
function countTransactions(): string[] {
  const found: string[] = []
  const { transaction } = IDBDatabase.prototype
  vi.spyOn(IDBDatabase.prototype, 'transaction').mockImplementation(function (this: IDBDatabase, ...given) {
    found.push(`${given[1] ?? 'readonly'} ${[given[0]].flat().join()}`)
    return transaction.apply(this, given)
  })
  return found
}

/** Records the store of each value that is written from now on. */
function countWrites(): string[] {
  const found: string[] = []
  for (const name of ['add', 'put'] as const) {
    const call = IDBObjectStore.prototype[name]
    vi.spyOn(IDBObjectStore.prototype, name).mockImplementation(function (this: IDBObjectStore, ...given) {
      found.push(this.name)
      return call.apply(this, given)
    })
  }
  return found
}

/** A device whose calls of its remote are recorded. */
function noted(remote: Remote, calls: string[]): Remote {
  return {
    ...remote,
    append(...given) {
      calls.push('append')
      return remote.append(...given)
    },
    read(...given) {
      calls.push('read')
      return remote.read(...given)
    },
  }
}

test('a command is sent without a read before it, and read once afterwards', async () => {
  const { device } = devices()
  const calls: string[] = []
  const { network } = device()
  const a = await tab(freshName(), {}, { remote: defineRemote(() => noted(network(LOG), calls)), mirror: false })
  await a.dispatch.add({ id: 'x', title: 'x' })
  await expect.poll(() => a.status.sync).toMatchObject({ state: 'online', pending: 0 })
  await a.projected()
  // The pause between two appends of a device (ALONE_MS), in which the outbox is read once more.
  await later(100)
  calls.length = 0
  const transactions = countTransactions()
  await a.dispatch.add({ id: 'y', title: 'y' })
  await expect.poll(() => a.status.sequence).toBe(2)
  await expect.poll(() => calls).toEqual(['append', 'read'])
  const ofSync = transactions.filter((one) => /outbox|sent/.test(one))
  expect(ofSync).toEqual([
    'readwrite outbox,commands',
    'readonly meta,outbox,rejected',
    'readwrite commits,outbox,commands,types,rejected,sent,meta',
  ])
})

test('no request reads the keys of commands that were sent before', async () => {
  const { device } = devices()
  const phone = device()
  const a = await phone.open()
  const send = async (id: string) => {
    const { sequence } = a.status
    await a.dispatch.add({ id, title: id })
    await expect.poll(() => a.status.sequence).toBe(sequence + 1)
    await expect.poll(() => a.status.sync).toMatchObject({ state: 'online', pending: 0 })
  }
  for (const id of ['x', 'y', 'z']) await send(id)
  const marker = Math.max(...(await dump(phone.name, 'outbox')).map(({ key }) => Number(key)))
  const lowest: number[] = []
  for (const name of ['get', 'getAll', 'delete'] as const) {
    const call: (this: IDBObjectStore, ...given: never[]) => unknown = IDBObjectStore.prototype[name]
    const noted = function (this: IDBObjectStore, ...given: [range: IDBKeyRange]): unknown {
      const [{ lower }] = given
      if (this.name === 'outbox' && typeof lower === 'number') lowest.push(lower)
      return call.apply(this, given as unknown as never[])
    }
    vi.spyOn(IDBObjectStore.prototype, name).mockImplementation(noted as never)
  }
  await send('last')
  // The dispatch, the read before the command is sent, and the range that the take deletes. On a busy machine, there may be another read.
  expect(lowest.length).toBeGreaterThanOrEqual(3)
  expect(lowest.filter((key) => key < marker)).toEqual([])
})

test('a thousand messages with one command each are stored in a few transactions', async () => {
  const { device, server } = devices()
  await putSingle(server, 1, 1000)
  const phone = device()
  const writes = countWrites()
  const transactions = countTransactions()
  const a = await phone.open()
  await expect.poll(() => a.status.sequence).toBe(1000)
  expect(a.read.todos.size).toBe(1000)
  await expect.poll(() => a.status.sync).toMatchObject({ state: 'online', behind: 0 })
  expect(transactions.filter((one) => one.startsWith('readwrite') && one.includes('commits'))).toHaveLength(1)
  expect(transactions.length).toBeLessThan(40)
  // A segment and its bytes, the marker and the guard of the outbox, the type, the position and the lineage.
  expect(writes.filter((store) => !/checkpoints|pages|rowEvents/.test(store)).length).toBeLessThan(12)
  expect(writes).not.toContain('commits')
})

test('a command that waits for the turn of its device is sent, whenever the turn comes', async () => {
  const { device } = devices()
  const phone = device()
  const a = await phone.open()
  const send = async (id: string) => {
    const { sequence } = a.status
    await a.dispatch.add({ id, title: id })
    await expect.poll(() => a.status.sequence, { timeout: 8000 }).toBe(sequence + 1)
    await expect.poll(() => a.status.sync).toMatchObject({ state: 'online', pending: 0 })
  }
  await send('x')
  // Time passes only between two reads of the clock. With one of the steps, the turn comes between the two reads before a wait.
  let at = performance.now()
  for (const step of [6, 7, 7.5, 9, 11, 15]) {
    vi.spyOn(performance, 'now').mockImplementation(() => (at += step))
    await send(`${step}`)
  }
})
