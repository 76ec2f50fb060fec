import 'fake-indexeddb/auto'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { freshName } from '../engine/todos.ts'
import { deleteDatabase, openChannel, openDatabase, upgradeStores } from './rooms.ts'

const OLDER = [
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
const NEWER = ['outbox', 'rejected', 'sent', 'reactions', 'drafts']

const settled = <T>(request: IDBRequest<T>): Promise<T> =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result)
    request.onerror = () => reject(request.error)
  })

/** A connection that does not close for anybody, to a database as it was before the newer stores. */
async function older(name: string): Promise<IDBDatabase> {
  const request = indexedDB.open(`tidemark:${name}`, 10)
  request.onupgradeneeded = () => {
    for (const store of OLDER) request.result.createObjectStore(store)
    request.transaction!.objectStore('meta').add({ id: 'log', lineage: 'line', format: 1 }, 'log')
  }
  return settled(request)
}

/** Every `indexedDB.open` from here on. */
function watchOpens(): string[] {
  const opens: string[] = []
  const { open } = indexedDB
  vi.spyOn(indexedDB, 'open').mockImplementation((name, version) => {
    opens.push(`${version}`)
    return open.call(indexedDB, name, version)
  })
  return opens
}

/** Lets what is queued happen, and lets virtual seconds pass. */
async function pass(seconds: number): Promise<void> {
  for (let i = 0; i < seconds; i++) {
    for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve))
    await vi.advanceTimersByTimeAsync(1000)
  }
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  vi.spyOn(console, 'warn').mockImplementation(() => {})
})
afterEach(() => {
  vi.useRealTimers()
  vi.restoreAllMocks()
  vi.unstubAllGlobals()
})

describe('opening', () => {
  test('makes all stores at once, and asks once for a database that exists', async () => {
    const name = freshName()
    const one = await openDatabase(name)
    expect([...one.idb!.objectStoreNames].sort()).toEqual([...OLDER, ...NEWER].sort())
    const opens = watchOpens()
    const other = await openDatabase(name)
    expect(opens).toEqual(['undefined'])
    expect(other.hasNewer).toBe(true)
  })

  test('does not upgrade an older database, and takes no connection away from another tab', async () => {
    const name = freshName()
    const other = await older(name)
    const asked = vi.fn()
    other.onversionchange = asked
    const database = await openDatabase(name)
    expect(database.idb!.version).toBe(10)
    expect(database.hasNewer).toBe(false)
    expect(asked).not.toHaveBeenCalled()
  })

  test('without `create` makes nothing, and says that the log is gone', async () => {
    const name = freshName()
    const database = await openDatabase(name, false)
    await expect(database.transact(['meta'], 'readonly', () => {})).rejects.toMatchObject({ reason: 'log replaced' })
    expect((await indexedDB.databases()).map((one) => one.name)).not.toContain(`tidemark:${name}`)
  })

  test('ends at once if the caller gives up, and keeps no timer and no connection', async () => {
    const name = freshName()
    const other = await older(name)
    const deleting = indexedDB.deleteDatabase(`tidemark:${name}`)
    const abort = new AbortController()
    const blocked = vi.fn()
    const opening = openDatabase(name, true, blocked, abort.signal).catch((error) => error)
    await pass(1)
    const reason = new Error('enough')
    abort.abort(reason)
    expect(await opening).toBe(reason)
    await pass(5)
    expect(blocked).not.toHaveBeenCalled()
    expect(vi.getTimerCount()).toBe(0)
    other.close()
    await settled(deleting)
    // A connection that came late would keep this one waiting.
    await settled(indexedDB.deleteDatabase(`tidemark:${name}`))
  })

  test('is reported if a tab blocks a deletion before it, rejects after a while, and works once the tab is closed', async () => {
    const name = freshName()
    const other = await older(name)
    const deleting = indexedDB.deleteDatabase(`tidemark:${name}`)
    const blocked = vi.fn()
    const opening = openDatabase(name, true, blocked).catch((error) => error)
    await pass(5)
    expect(blocked).toHaveBeenCalledTimes(1)
    expect(console.warn).toHaveBeenCalledWith(expect.stringContaining(name))
    await pass(30)
    expect(await opening).toMatchObject({
      name: 'StorageError',
      kind: 'blocked',
      message: expect.stringContaining('Close'),
    })
    other.close()
    await settled(deleting)
    expect((await openDatabase(name)).idb!.version).toBe(11)
  })

  test('leaves no timer behind', async () => {
    await openDatabase(freshName())
    expect(vi.getTimerCount()).toBe(0)
  })
})

describe('deleting', () => {
  test('is reported if a tab keeps the database open, and rejects after a while', async () => {
    const name = freshName()
    const other = await older(name)
    const blocked = vi.fn()
    const deleting = deleteDatabase(`tidemark:${name}`, blocked).catch((error) => error)
    await pass(1)
    expect(blocked).toHaveBeenCalledTimes(1)
    await pass(35)
    expect(await deleting).toMatchObject({ name: 'StorageError', kind: 'blocked' })
    other.close()
  })
})

describe('adding the newer stores', () => {
  test('keeps what is stored, and the other tabs open the database again', async () => {
    const name = freshName()
    ;(await older(name)).close()
    const one = await openDatabase(name)
    const other = await openDatabase(name)
    const read = (database: typeof one) =>
      database.transact(['meta'], 'readonly', (store) => store('meta').get('log')).then(({ result }) => result)
    one.log = other.log = await read(one)
    await upgradeStores(one)
    expect(one.hasNewer).toBe(true)
    expect(await read(other)).toEqual({ id: 'log', lineage: 'line', format: 1 })
    expect(other.hasNewer).toBe(true)
    const opens = watchOpens()
    await upgradeStores(one)
    expect(opens).toEqual([])
  })

  test('rejects after a while if another connection blocks it, and the log works without them', async () => {
    const name = freshName()
    const other = await older(name)
    const blocked = vi.fn()
    const database = await openDatabase(name, true, blocked)
    const upgrading = upgradeStores(database).catch((error) => error)
    await pass(35)
    expect(blocked).toHaveBeenCalledTimes(1)
    expect(await upgrading).toMatchObject({ name: 'StorageError', kind: 'blocked' })
    // The request can't be taken back: whatever comes later waits for the tab, and then finds the database as it was.
    other.close()
    const { result } = await database.transact(['meta'], 'readonly', (store) => store('meta').get('log'))
    expect(result).toMatchObject({ id: 'log' })
    expect(database.hasNewer).toBe(false)
  })
})

test('without BroadcastChannel there are no hints, and no error', () => {
  vi.stubGlobal('BroadcastChannel', undefined)
  const channel = openChannel('log', () => {})
  channel.post({ log: 'id', head: 1 })
  channel.close()
})
