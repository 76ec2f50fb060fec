import { defineModel, openEngine } from 'tidemark'
import { archive, destroy, exportLog, importLog, resumeMirror } from 'tidemark/tools'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { createDisk, createLocks, type Disk } from '../log/fileSystem.ts'
import { openDatabase, type Progress, readChunks, recordsOf, removePrivate, seal } from '../log/rooms.ts'
import { abortWith, deleteDatabase, dump, inDatabase } from '../log/storage.ts'
import { createCopy, createHost, type Workshop } from '../projections/rooms.ts'
import { atEnd, broken, logId, type Tab, tab } from './kit.ts'
import { collect, events, freshName, later, openTab, outcome, shown, todoApp } from './todos.ts'

vi.setConfig({ testTimeout: 30_000 })

let disk: Disk
let locks: ReturnType<typeof createLocks>
let stored: FileSystemDirectoryHandle | undefined
let estimate: { usage: number; quota: number }
beforeEach(() => {
  disk = createDisk()
  locks = createLocks()
  estimate = { usage: 0, quota: 1e9 }
  stored = undefined
  const { get } = IDBObjectStore.prototype
  vi.spyOn(IDBObjectStore.prototype, 'get').mockImplementation(function (this: IDBObjectStore, key) {
    const request = get.call(this, key)
    if (key === 'mirror' && stored) Object.defineProperty(request, 'result', { get: () => stored, set() {} })
    return request
  })
  vi.stubGlobal('navigator', {
    locks,
    storage: { getDirectory: async () => disk.root, persisted: async () => false, estimate: async () => estimate },
  })
})
afterEach(() => {
  vi.restoreAllMocks()
})

const mirrored = (one: Tab, mirror: number | object) =>
  vi.waitFor(
    () => expect(one.status.mirror).toEqual(typeof mirror === 'number' ? { state: 'on', sequence: mirror } : mirror),
    { timeout: 15_000, interval: 10 },
  )
const off = (reason: string) => ({ state: 'off', sequence: 0, reason: expect.stringContaining(reason) })
const filesOf = (name: string) =>
  [...disk.root.files.keys()].filter((file) => file.startsWith(`tidemark-${name}/`)).map((file) => file.split('/')[1])
const bytesAt = (name: string, file: string) => disk.root.files.get(`tidemark-${name}/${file}`)!
const tail = 'tail.tidemark'
const segment = (first: number, last: number) =>
  `${`${first}`.padStart(12, '0')}-${`${last}`.padStart(12, '0')}.tidemark`

/** `n` events in commits of 100, so that there is something to seal. */
async function addMany(one: Tab, n: number) {
  for (let at = one.status.sequence; n > 0; n -= 100) {
    const ids = Array.from({ length: Math.min(n, 100) }, () => `t${++at}`)
    await one.dispatch.addMany({ ids })
  }
}
const sealAll = async (name: string, limit: number, events: number) => {
  const database = await openDatabase(name, false)
  while (await seal(database, limit, events)) {}
  database.close()
}
/** As a browser loses it: under the open tabs, whose engines end. */
async function lose(name: string, ...tabs: Tab[]) {
  await deleteDatabase(name)
  for (const one of tabs) {
    expect(await outcome(one.dispatch.add({ title: 'too late' }))).toMatchObject({
      name: 'EngineClosed',
      reason: 'log replaced',
    })
    await one.close()
  }
}
const idsOf = async (one: Tab) => (await collect(one.history())).map(({ commandId }) => commandId)

describe('the mirror', () => {
  test('follows the log, and writes nothing when nothing happens', async () => {
    const name = freshName()
    const one = await tab(name)
    await mirrored(one, 0)
    await later(600)
    expect(filesOf(name)).toEqual([])
    await one.dispatch.add({ title: 'a' })
    await mirrored(one, 1)
    expect(filesOf(name)).toEqual([tail])
    await later(600)
    expect(disk.written.length).toBe(1)
    await one.dispatch.add({ title: 'b' })
    await mirrored(one, 2)
    expect(disk.written.length).toBe(2)
    await one.close()
    const again = await tab(name)
    await mirrored(again, 2)
    await later(600)
    expect(disk.written.length).toBe(2)
    await again.dispatch.add({ title: 'c' })
    await mirrored(again, 3)
    const found = await collect(readChunks(new Blob([bytesAt(name, tail)])))
    expect((await Promise.all(found.map(recordsOf))).flat().map(({ first }) => first)).toEqual([1, 2, 3])
  })

  test('is no part of a dispatch: a file system that never answers holds nothing up', async () => {
    const name = freshName()
    disk.closing = () => new Promise(() => {})
    const one = await tab(name)
    for (let i = 1; i <= 50; i++) expect((await one.dispatch.add({ title: `${i}` })).sequence).toBe(i)
    await one.projected()
    await later(700)
    expect((await one.dispatch.add({ title: 'last' })).sequence).toBe(51)
    expect(one.status.lastError).toBeUndefined()
  })

  test('holds each sealed segment once, the same bytes as the database, and then a shorter tail', async () => {
    const name = freshName()
    const one = await tab(name)
    await addMany(one, 500)
    await mirrored(one, 500)
    await one.projected()
    await sealAll(name, 400, 200)
    await one.dispatch.add({ title: 'next' })
    await mirrored(one, 501)
    expect(filesOf(name).sort()).toEqual([segment(1, 200), segment(201, 400), tail])
    const bodies = new Map((await dump(name, 'bodies')).map(({ key, value }) => [key, value]))
    for (const { value } of await dump(name, 'segments'))
      expect(Buffer.from(bytesAt(name, segment(value.first, value.last)))).toEqual(Buffer.from(bodies.get(value.body)))
    const [first] = await collect(readChunks(new Blob([bytesAt(name, tail)])))
    expect(first?.header.last).toBe(501)
    await sealAll(name, 500, 100)
    await one.dispatch.add({ title: 'one more' })
    await mirrored(one, 502)
    expect(filesOf(name).sort()).toEqual([segment(1, 200), segment(201, 400), segment(401, 500), tail])
    expect(disk.written.filter((file) => !file.endsWith(tail)).length).toBe(3)
    const [after] = await collect(readChunks(new Blob([bytesAt(name, tail)])))
    expect(after?.header).toMatchObject({ first: 501, last: 502 })
  })

  test('puts a tail that grows long away as files, which go when the segments come', async () => {
    const name = freshName()
    const one = await tab(name)
    const ids = (n: number) => Array.from({ length: 1000 }, (_, i) => `${n}-${i}`)
    for (let n = 0; n < 20; n++) await one.dispatch.addMany({ ids: ids(n) })
    await mirrored(one, 20_000)
    expect(filesOf(name)).toContain(tail)
    expect(filesOf(name).length).toBe(2)
    await one.dispatch.add({ title: 'x' })
    await mirrored(one, 20_001)
    const all = await Promise.all(
      filesOf(name)
        .sort()
        .map((file) => collect(readChunks(new Blob([bytesAt(name, file as string)])))),
    )
    expect(all.flat()[0]?.header.first).toBe(1)
    expect(all.flat().at(-1)?.header.last).toBe(20_001)
    await one.projected()
    await sealAll(name, 18_000, 16_384)
    await one.dispatch.add({ title: 'y' })
    await mirrored(one, 20_002)
    expect(filesOf(name).filter((file) => file !== tail)).toContain(segment(1, 17_000))
    await one.close()
    await lose(name)
    const back = await tab(name)
    expect(back.status).toMatchObject({ sequence: 20_002, restored: { sequence: 20_002 } })
    expect(back.read.todos.size).toBe(20_002)
  })

  test('keeps a segment that has the range of a part of the tail that was put away before', async () => {
    const name = freshName()
    const one = await tab(name)
    const add = (n: number) => one.dispatch.addMany({ ids: Array.from({ length: 17_000 }, (_, i) => `${n}-${i}`) })
    await add(0)
    await add(1)
    await mirrored(one, 34_000)
    await add(2)
    await mirrored(one, 51_000)
    await one.projected()
    await sealAll(name, 34_000, 16_384)
    await one.dispatch.add({ title: 'next' })
    await mirrored(one, 51_001)
    expect(filesOf(name)).toEqual(expect.arrayContaining([segment(1, 17_000), segment(17_001, 34_000)]))
    await lose(name, one)
    expect((await tab(name)).status).toMatchObject({ sequence: 51_001, restored: { sequence: 51_001 } })
  })

  test('writes little again of events that are large', async () => {
    const name = freshName()
    const one = await tab(name)
    const large = () => Array.from({ length: 20_000 }, Math.random).join()
    for (let n = 1; n <= 12; n++) await one.dispatch.add({ title: large() })
    await mirrored(one, 12)
    expect(bytesAt(name, tail).length).toBeLessThan(1_000_000)
    await one.dispatch.add({ title: 'small' })
    await mirrored(one, 13)
    await lose(name, one)
    expect((await tab(name)).status).toMatchObject({ sequence: 13, restored: { sequence: 13 } })
  })

  test('follows a log that no projection follows', async () => {
    const bare = defineModel({
      name: freshName(),
      events,
      projections: {},
      commands: { clear: () => events.doneCleared() },
    })
    const one = (await openEngine(bare)) as unknown as Tab
    atEnd(() => one.close())
    await mirrored(one, 0)
    for (let n = 1; n <= 2; n++) {
      await (one.dispatch as any).clear()
      await mirrored(one, n)
    }
  })

  test('follows what an import made of an empty log', async () => {
    const source = await tab(freshName())
    await addMany(source, 50)
    const file = await new Response(exportLog(source)).blob()
    const name = freshName()
    const one = await tab(name)
    await mirrored(one, 0)
    await importLog(one, file)
    await mirrored(one, 50)
  })

  test('is on in a tab that comes later, too', async () => {
    const name = freshName()
    const one = await tab(name)
    await one.dispatch.add({ title: 'a' })
    await mirrored(one, 1)
    await later(600)
    await mirrored(await tab(name), 1)
  })

  test('is behind when a file is not written in time, whether or not more events come', async () => {
    const name = freshName()
    const one = await tab(name)
    await one.dispatch.add({ title: 'a' })
    await mirrored(one, 1)
    disk.closing = () => new Promise(() => {})
    await one.dispatch.add({ title: 'b' })
    await mirrored(one, { state: 'behind', sequence: 1 })
  })

  test('holds what was sealed since, at any time, when a pipeline takes it up', async () => {
    const name = freshName()
    const one = await tab(name)
    await addMany(one, 300)
    await mirrored(one, 300)
    await one.close()
    const without = await tab(name, {}, { mirror: false })
    await addMany(without, 300)
    await without.projected()
    await without.close()
    await sealAll(name, 600, 200)
    // The browser is killed when the first file is to be written.
    disk.closing = () => new Promise(() => {})
    const two = await tab(name)
    await later(800)
    await lose(name, two)
    disk.closing = () => {}
    expect((await tab(name)).status).toMatchObject({ sequence: 300, restored: { sequence: 300 } })
  })

  test('whose lock was taken removes no file any more', async () => {
    const name = freshName()
    const one = await tab(name)
    await one.dispatch.add({ title: 'a' })
    await mirrored(one, 1)
    await one.close()
    // A future that this database lost: whoever has the lock may be bringing it back.
    await inDatabase(name, (store) => store('commits').clear())
    const database = await openDatabase(name, false)
    const taken = AbortSignal.abort(new Error('taken'))
    const copy = createCopy({ database } as Workshop, disk.root, true, taken)
    expect(await outcome(copy)).toMatchObject({ message: 'taken' })
    database.close()
    expect(filesOf(name)).toEqual([tail])
  })

  test('that gave way while it wrote a file does not say that it is on when the file is done', async () => {
    const name = freshName()
    const one = await tab(name)
    await mirrored(one, 0)
    let close = (): void => {}
    disk.closing = () =>
      new Promise<void>((resolve) => {
        close = resolve
      })
    await one.dispatch.add({ title: 'a' })
    await later(700)
    void locks.request(`tidemark:mirror:${name}`, { steal: true }, () => later(2000))
    await mirrored(one, off('gave way'))
    close()
    await later(100)
    expect(one.status.mirror).toEqual(off('gave way'))
  })

  test('goes on at once after the computer has slept while it wrote', async () => {
    const name = freshName()
    const one = await tab(name)
    await mirrored(one, 0)
    const { now } = Date
    let slept = 0
    vi.spyOn(Date, 'now').mockImplementation(() => now() + slept)
    disk.closing = () => {
      slept = 8 * 3_600_000
    }
    await one.dispatch.add({ title: 'a' })
    await mirrored(one, 1)
    await one.dispatch.add({ title: 'b' })
    await mirrored(one, 2)
  })

  test('is written by one pipeline at a time; the next one takes over', async () => {
    const name = freshName()
    const [one, two] = [await tab(name), await tab(name, { version: 2 })]
    await one.dispatch.add({ title: 'a' })
    await mirrored(one, 1)
    await mirrored(two, 1)
    expect(disk.written.length).toBe(1)
    await one.close()
    await two.dispatch.add({ title: 'b' })
    await mirrored(two, 2)
  })

  test('of segments that a newer build sealed is off and says so: there would be a hole', async () => {
    const name = freshName()
    const one = await tab(name, {}, { mirror: false })
    await addMany(one, 500)
    await one.projected()
    await one.close()
    await sealAll(name, 400, 200)
    await inDatabase(name, (store) => {
      const found = store('segments').get(200)
      found.onsuccess = () => store('segments').put({ ...found.result, codec: 'zstd' }, 200)
    })
    const again = await tab(name)
    await mirrored(again, off('zstd'))
    expect((await again.dispatch.add({ title: 'a' })).sequence).toBe(501)
  })

  test('begins though there is no room for pages', async () => {
    const name = freshName()
    const one = await tab(name, {}, { mirror: false })
    await one.dispatch.add({ title: 'a' })
    const fault = broken()
    fault.onWrite = (store, _value, _key, transaction) => {
      if (store === 'pages') abortWith(transaction, 'QuotaExceededError')
    }
    const host = createHost(todoApp() as never, 'host')
    await host.hello(name, 'todos')
    await mirrored(one, 1)
    await host.goodbye(name)
  })

  test('keeps its tail when the database goes while it is looked for there', async () => {
    const name = freshName()
    const one = await tab(name, {}, { mirror: false })
    await one.dispatch.add({ title: 'a' })
    let lists = Number.NEGATIVE_INFINITY
    disk = createDisk(async (what, _path, effect) => {
      // Before what a browser left over is swept: the log has been read, its commits have not.
      if (what === 'list' && ++lists === 2) await deleteDatabase(name)
      return effect()
    })
    const first = createHost(todoApp() as never, 'first')
    await first.hello(name, 'todos')
    await mirrored(one, 1)
    await first.goodbye(name)
    lists = 0
    const second = createHost(todoApp() as never, 'second')
    await second.hello(name, 'todos')
    await vi.waitFor(() => expect(lists).toBeGreaterThan(1))
    await later(100)
    expect(filesOf(name)).toEqual([tail])
    await second.goodbye(name)
  })

  test('begins in the log that stands there now where the first one went before it was read', async () => {
    const name = freshName()
    await (await tab(name, {}, { mirror: false })).close()
    const fault = broken()
    fault.onTransaction = (transaction, stores) => {
      if (stores.includes('pages')) abortWith(transaction, 'UnknownError')
      else if (stores.join() === 'meta') {
        void deleteDatabase(name)
        throw new DOMException('closing', 'InvalidStateError')
      }
    }
    const host = createHost(todoApp() as never, 'host')
    await host.hello(name, 'todos')
    await vi.waitFor(async () =>
      expect((await indexedDB.databases()).map(({ name }) => name)).not.toContain(`tidemark:${name}`),
    )
    await later(100)
    fault.stop()
    const one = await tab(name, {}, { mirror: false })
    await host.hello(name, 'todos')
    await mirrored(one, 0)
    await one.dispatch.add({ title: 'a' })
    await mirrored(one, 1)
    await host.goodbye(name)
  })

  test('hears of events whose hint was lost by what others have persisted', async () => {
    const name = freshName()
    const one = await tab(name)
    await one.dispatch.add({ title: 'a' })
    await mirrored(one, 1)
    const { postMessage } = BroadcastChannel.prototype
    const silent = vi.spyOn(BroadcastChannel.prototype, 'postMessage').mockImplementation(function (
      this: BroadcastChannel,
      data,
    ) {
      if (!data.commit) postMessage.call(this, data)
    })
    await one.dispatch.add({ title: 'b' })
    silent.mockRestore()
    const other = createHost(todoApp({ version: 2 }) as never, 'other')
    await other.flush(name)
    await mirrored(one, 2)
    await other.goodbye(name)
  })

  test('of another lineage is neither read on nor written over', async () => {
    const name = freshName()
    const other = freshName()
    const one = await tab(other)
    await one.dispatch.add({ title: 'theirs' })
    await mirrored(one, 1)
    await one.close()
    const theirs = bytesAt(other, tail)
    await tab(name, {}, { mirror: false }).then((own) => own.close())
    disk.root.files.set(`tidemark-${name}/${tail}`, theirs)
    await disk.root.getDirectoryHandle(`tidemark-${name}`, { create: true })
    const own = await tab(name)
    expect(await own.dispatch.add({ title: 'ours' })).toMatchObject({ sequence: 1 })
    await mirrored(own, off('another log has its mirror there'))
    expect(bytesAt(name, tail)).toBe(theirs)
  })

  test('follows a database that came back older: what it had of the lost future goes first', async () => {
    const name = freshName()
    const one = await tab(name)
    await one.dispatch.add({ title: 'a' })
    await one.dispatch.add({ title: 'b' })
    await mirrored(one, 2)
    await one.close()
    await inDatabase(name, (store) => {
      store('commits').delete(2)
      store('checkpoints').clear()
      store('pages').clear()
    })
    const again = await tab(name)
    expect(again.status.sequence).toBe(1)
    await mirrored(again, 1)
    await again.dispatch.add({ title: 'another b' })
    await mirrored(again, 2)
    await again.close()
    await lose(name)
    const back = await tab(name)
    expect(back.read.todos.all().map(({ title }) => title)).toEqual(['a', 'another b'])
  })

  test.each([
    ['no private file system', () => vi.stubGlobal('navigator', { locks, storage: {} })],
    ['no Web Locks', () => vi.stubGlobal('navigator', { storage: { getDirectory: async () => disk.root } })],
    ['no createWritable', () => vi.stubGlobal('FileSystemFileHandle', class {})],
    ['SecurityError', () => vi.stubGlobal('navigator', { locks, storage: { getDirectory: forbidden } })],
  ])('is off where the browser has %s, and nothing else changes', async (reason, without) => {
    without()
    const one = await tab(freshName())
    await mirrored(one, off(reason))
    expect((await one.dispatch.add({ title: 'a' })).sequence).toBe(1)
    await one.projected()
    expect(one.status).toMatchObject({ state: 'ready', projected: 1 })
    expect(one.status.lastError).toBeUndefined()
  })
  const forbidden = async () => {
    throw new DOMException('not here', 'SecurityError')
  }

  test('is off where the app says so', async () => {
    const name = freshName()
    const one = await tab(name, {}, { mirror: false })
    await one.dispatch.add({ title: 'a' })
    await one.projected()
    await later(700)
    expect(one.status.mirror).toEqual({ state: 'off', sequence: 0 })
    expect(filesOf(name)).toEqual([])
  })
})

describe('quota', () => {
  test('takes no mirror of another lineage: it is the only copy of a log', async () => {
    const name = freshName()
    const one = await tab(name)
    await one.dispatch.add({ title: 'a' })
    await mirrored(one, 1)
    await lose(name, one)
    const other = await tab(name, {}, { mirror: false })
    const fault = broken()
    let full = true
    fault.onWrite = (store) => {
      if (store === 'commits' && full) {
        full = false
        throw new DOMException('full', 'QuotaExceededError')
      }
    }
    expect((await other.dispatch.add({ title: 'b' })).sequence).toBe(1)
    expect(filesOf(name)).toEqual([tail])
  })

  test('a mirror that has no room is removed and says so; the log goes on', async () => {
    const name = freshName()
    const one = await tab(name)
    await one.dispatch.add({ title: 'a' })
    await mirrored(one, 1)
    disk.room = 10
    await one.dispatch.add({ title: 'b' })
    await mirrored(one, off('QuotaExceededError'))
    expect(filesOf(name)).toEqual([])
    expect((await one.dispatch.add({ title: 'c' })).sequence).toBe(3)
    expect(one.status.lastError).toBeUndefined()
  })

  test('a nearly full origin gets no mirror', async () => {
    estimate.usage = 5e8
    const one = await tab(freshName())
    await one.dispatch.add({ title: 'a' })
    await mirrored(one, off('nearly full'))
  })

  test('when the log itself has no room, the mirror gives way first and the pages stay', async () => {
    const name = freshName()
    const one = await tab(name)
    await one.dispatch.add({ title: 'a' })
    await one.projected()
    await mirrored(one, 1)
    const fault = broken()
    fault.onWrite = (store) => {
      if (store === 'commits' && filesOf(name).length) throw new DOMException('full', 'QuotaExceededError')
    }
    expect((await one.dispatch.add({ title: 'b' })).sequence).toBe(2)
    await mirrored(one, off('gave way'))
    expect(filesOf(name)).toEqual([])
    expect((await dump(name, 'checkpoints')).length).toBe(3)
  })
})

test('two names that differ in their case have two mirrors, also where the file system takes them for one', async () => {
  const name = freshName()
  const one = await tab(`${name}-A`)
  await one.dispatch.add({ title: 'a' })
  await mirrored(one, 1)
  const folders = [...disk.root.files.keys()].map((file) => file.split('/')[0] as string)
  expect(folders.every((folder) => folder === folder.toLowerCase())).toBe(true)
  const other = await tab(`${name}-a`)
  expect(other.status.sequence).toBe(0)
  await other.dispatch.add({ title: 'b' })
  await mirrored(other, 1)
})

test('a name that no folder can have is without a mirror: it opens, says why, and can be destroyed', async () => {
  const name = `${freshName()} ${'Ж'.repeat(100)}`
  const one = await tab(name)
  expect(one.status.lastError).toBeUndefined()
  await one.dispatch.add({ title: 'a' })
  await mirrored(one, off('too long'))
  await destroy(one)
  const anew = await tab(name)
  expect(anew.status.sequence).toBe(0)
})

describe('a lost database', () => {
  test('of which nothing in the mirror can be read begins anew, and says so', async () => {
    const name = freshName()
    const one = await tab(name)
    await addMany(one, 100)
    await mirrored(one, 100)
    await lose(name, one)
    bytesAt(name, tail)[0]! ^= 1
    const anew = await tab(name)
    expect(anew.status.sequence).toBe(0)
    expect(anew.status.lastError).toMatchObject({ kind: 'lost', message: expect.stringContaining(tail) })
  })

  test('comes back up to where a file was cut, and says so', async () => {
    const name = freshName()
    const one = await tab(name)
    await addMany(one, 4000)
    await mirrored(one, 4000)
    await lose(name, one)
    const path = `tidemark-${name}/${tail}`
    disk.root.files.set(path, bytesAt(name, tail).slice(0, -1))
    const back = await tab(name)
    expect(back.status.restored).toMatchObject({ sequence: 2100 })
    expect(back.status.lastError).toMatchObject({ kind: 'lost', message: expect.stringContaining('event 2101') })
  })

  test('waits for the file that is being written while it is lost, and has its events, too', async () => {
    const name = freshName()
    const one = await tab(name)
    await addMany(one, 100)
    await mirrored(one, 100)
    let close = (): void => {}
    disk.closing = () =>
      new Promise<void>((resolve) => {
        close = resolve
      })
    await one.dispatch.add({ title: 'last' })
    await later(700)
    await deleteDatabase(name)
    const opening = tab(name)
    await later(100)
    disk.closing = () => {}
    close()
    expect((await opening).status).toMatchObject({ sequence: 101, restored: { sequence: 101 } })
  })

  test('that can not be filled from its mirror now is not given up: the next open does it', async () => {
    const name = freshName()
    const one = await tab(name)
    await addMany(one, 100)
    await mirrored(one, 100)
    await lose(name, one)
    const fault = broken()
    fault.onWrite = (store) => {
      if (store === 'bodies') throw new DOMException('full', 'QuotaExceededError')
    }
    expect(await outcome(openTab(name))).toMatchObject({ name: 'StorageError' })
    fault.stop()
    expect((await tab(name)).status).toMatchObject({ sequence: 100, restored: { sequence: 100 } })
  })

  test('rule 20: comes back from its mirror before the engine is ready: new log id, same lineage, the same answers', async () => {
    const name = freshName()
    const one = await tab(name)
    await one.dispatch.add({ title: 'a', id: 'a' }, { commandId: 'first' })
    await addMany(one, 300)
    await one.dispatch.toggle({ id: 'a' }, { commandId: 'second' })
    await mirrored(one, 302)
    await one.projected()
    await sealAll(name, 250, 100)
    await one.dispatch.add({ title: 'z', id: 'z' })
    await mirrored(one, 303)
    const before = shown(one)
    const commands = await idsOf(one)
    const id = await logId(name)
    const lineage = (await dump(name, 'meta')).find(({ key }) => key === 'log')!.value.lineage
    await lose(name, one)

    const told: Progress[] = []
    const back = await tab(name, {}, { onProgress: (progress) => told.push(progress) })
    expect(shown(back)).toEqual(before)
    expect(await idsOf(back)).toEqual(commands)
    expect(back.status).toMatchObject({ state: 'ready', sequence: 303 })
    expect(back.status.restored).toEqual({ sequence: 303, at: expect.closeTo(Date.now(), -5) })
    expect(back.status.lastError).toBeUndefined()
    const restoring = told.filter(({ phase }) => phase === 'restore')
    expect(restoring[0]).toEqual({ phase: 'restore', done: 0, total: 303 })
    expect(restoring.at(-1)).toEqual({ phase: 'restore', done: 303, total: 303 })
    const log = (await dump(name, 'meta')).find(({ key }) => key === 'log')!.value
    expect(log).toMatchObject({ lineage, format: 1 })
    expect(log.id).not.toBe(id)
    expect(await back.dispatch.toggle({ id: 'a' }, { commandId: 'second' })).toMatchObject({
      sequence: 302,
      duplicate: true,
    })
    expect(await outcome(back.dispatch.toggle({ id: 'z' }, { commandId: 'first' }))).toMatchObject({
      name: 'CommandIdConflict',
    })
    expect((await back.dispatch.add({ title: 'more' })).sequence).toBe(304)
    await mirrored(back, 304)
    // And once more, from what the mirror has become.
    await lose(name, back)
    const again = await tab(name)
    expect(again.status).toMatchObject({ sequence: 304, restored: { sequence: 304 } })
    expect(again.read.todos.size).toBe(303)
  })

  test('comes back once when three tabs open at the same time', async () => {
    const name = freshName()
    const one = await tab(name)
    await addMany(one, 200)
    await mirrored(one, 200)
    await lose(name, one)
    const tabs = await Promise.all([tab(name), tab(name), tab(name)])
    for (const back of tabs) expect(back.status).toMatchObject({ sequence: 200, restored: { sequence: 200 } })
    expect((await tabs[0].dispatch.add({ title: 'a' })).sequence).toBe(201)
    await vi.waitFor(() => expect(tabs.map(({ status }) => status.sequence)).toEqual([201, 201, 201]))
  })

  test('comes back at the next open when the first one ended on the way', async () => {
    const name = freshName()
    const one = await tab(name)
    await addMany(one, 200)
    await mirrored(one, 200)
    await lose(name, one)
    const abort = new AbortController()
    const given = openTab(
      name,
      {},
      {
        signal: abort.signal,
        onProgress: ({ phase, done }) => phase === 'restore' && done && abort.abort(new Error('gone')),
      },
    )
    expect(await outcome(given)).toMatchObject({ message: 'gone' })
    const back = await tab(name)
    expect(back.status).toMatchObject({ sequence: 200, restored: { sequence: 200 } })
  })

  test('a pipeline of the lost log does not take up what is still being restored', async () => {
    const name = freshName()
    const one = await tab(name)
    await one.dispatch.add({ title: 'a' })
    await mirrored(one, 1)
    const lost = createHost(todoApp() as never, 'lost')
    await lost.flush(name)
    await lose(name, one)
    const abort = new AbortController()
    const onProgress = () => abort.abort(new Error('gone'))
    expect(await outcome(openTab(name, {}, { signal: abort.signal, onProgress }))).toMatchObject({ message: 'gone' })
    expect((await lost.flush(name)).error).toMatchObject({ name: 'StorageError' })
    const back = await tab(name)
    expect((await lost.flush(name)).error).toBeUndefined()
    await back.dispatch.add({ title: 'b' })
    // It hears what is said in the log that stands there now.
    await vi.waitFor(async () => {
      const checkpoints = (await dump(name, 'checkpoints')).map(({ value }) => value.sequence)
      expect(checkpoints).toEqual([2, 2, 2])
    })
    await lost.goodbye(name)
  })

  test('comes back up to what is damaged, and says so', async () => {
    const name = freshName()
    const one = await tab(name)
    await addMany(one, 500)
    await one.projected()
    await sealAll(name, 400, 200)
    await one.dispatch.add({ title: 'last' })
    await mirrored(one, 501)
    await lose(name, one)
    const bytes = bytesAt(name, segment(201, 400))
    bytes[bytes.length - 20]! ^= 1
    const back = await tab(name)
    expect(back.status).toMatchObject({ sequence: 200, restored: { sequence: 200 } })
    expect(back.status.lastError).toMatchObject({
      name: 'StorageError',
      kind: 'lost',
      message: expect.stringContaining('event 201'),
    })
    expect(back.read.todos.size).toBe(200)
    // What lies behind is of a future that is gone: the numbers go to others.
    await back.dispatch.add({ title: 'other' })
    await mirrored(back, 201)
    expect(filesOf(name).sort()).toEqual([segment(1, 200), tail])
  })

  test('without mirror starts anew, and a removed mirror stays removed', async () => {
    const name = freshName()
    const one = await tab(name)
    await one.dispatch.add({ title: 'a' })
    await mirrored(one, 1)
    const database = await openDatabase(name, false)
    database.log = (await dump(name, 'meta')).find(({ key }) => key === 'log')!.value
    expect(await removePrivate(database, true)).toBe(true)
    database.close()
    expect(filesOf(name)).toEqual([])
    await mirrored(one, off('gave way'))
    await lose(name, one)
    const anew = await tab(name)
    expect(anew.status.sequence).toBe(0)
    expect(anew.status.restored).toBeUndefined()
    expect(anew.status.lastError).toBeUndefined()
  })

  test('is left as it is by an app that opens without a mirror', async () => {
    const name = freshName()
    const one = await tab(name)
    await one.dispatch.add({ title: 'a' })
    await mirrored(one, 1)
    await lose(name, one)
    const without = await tab(name, {}, { mirror: false })
    expect(without.status.sequence).toBe(0)
    expect((await without.dispatch.add({ title: 'anew' })).sequence).toBe(1)
  })
})

test('an archived log comes back on the base it stands on', async () => {
  const name = freshName()
  const one = await tab(name)
  await one.dispatch.add({ title: 'a', id: 'a' }, { commandId: 'first' })
  await addMany(one, 500)
  await one.projected()
  await sealAll(name, 400, 200)
  await mirrored(one, 501)
  await new Response(await archive(one, { before: 300 })).arrayBuffer()
  await one.close()
  const on = await tab(name)
  await on.dispatch.add({ title: 'z' })
  await mirrored(on, on.status.sequence)
  expect(filesOf(name)).not.toContain(segment(1, 201))
  expect(filesOf(name).some((file) => file?.endsWith('.base.tidemark'))).toBe(true)
  const before = shown(on)
  await lose(name, on)
  const back = await tab(name)
  expect(back.status).toMatchObject({ sequence: 502, restored: { sequence: 502 } })
  expect(shown(back)).toEqual(before)
  expect(await back.dispatch.add({ title: 'a', id: 'a' }, { commandId: 'first' })).toMatchObject({ duplicate: true })
})

describe('a folder of the user', () => {
  test('takes the place of the private files: what stood there goes once the folder has all', async () => {
    const name = freshName()
    const one = await tab(name)
    await one.dispatch.add({ title: 'a' })
    await mirrored(one, 1)
    await one.close()
    const { root } = createDisk()
    const two = await tab(name, {}, { mirror: root })
    await mirrored(two, 1)
    await vi.waitFor(() => expect(filesOf(name)).toEqual([]))
    expect([...root.files.keys()]).toEqual([`tidemark-${name}/${tail}`])
  })

  test('is followed from now on when a pipeline is told of it that follows into the private files', async () => {
    const name = freshName()
    const one = await tab(name, {}, { mirror: false })
    await one.dispatch.add({ title: 'a' })
    const host = createHost(todoApp() as never, 'epoch')
    atEnd(() => host.goodbye(name))
    await host.hello(name, 'todos')
    await mirrored(one, 1)
    expect(filesOf(name)).toEqual([tail])
    const { root } = createDisk()
    await host.hello(name, 'todos', root)
    await vi.waitFor(() => expect([...root.files.keys()]).toEqual([`tidemark-${name}/${tail}`]), { timeout: 5000 })
    await one.dispatch.add({ title: 'b' })
    await mirrored(one, 2)
  })

  test('holds the mirror, is remembered, and asks for its permission again', async () => {
    const name = freshName()
    const folder = createDisk()
    const mirror = folder.root
    const one = await tab(name, {}, { mirror })
    await one.dispatch.add({ title: 'a' })
    await mirrored(one, 1)
    expect([...folder.root.files.keys()]).toEqual([`tidemark-${name}/${tail}`])
    expect(filesOf(name)).toEqual([])
    await one.close()
    folder.permission = 'prompt'
    const two = await tab(name, {}, { mirror })
    await mirrored(two, off('permission: prompt'))
    await two.close()
    await lose(name)
    folder.permission = 'granted'
    const back = await tab(name, {}, { mirror })
    expect(back.status).toMatchObject({ sequence: 1, restored: { sequence: 1 } })
  })

  test('that may not be read when the database is lost is restored from after a gesture, as long as the log is empty', async () => {
    const name = freshName()
    const folder = createDisk()
    const mirror = folder.root
    const one = await tab(name, {}, { mirror })
    await addMany(one, 50)
    await mirrored(one, 50)
    await lose(name, one)
    folder.permission = 'prompt'
    const empty = await tab(name, {}, { mirror })
    await mirrored(empty, off('permission: prompt'))
    expect(empty.status.sequence).toBe(0)
    // Handles of this double can't be stored, as a browser stores them.
    stored = mirror
    expect(await resumeMirror(empty)).toBe(true)
    await vi.waitFor(() => expect(empty.status.sequence).toBe(50))
    expect(empty.status.restored).toMatchObject({ sequence: 50 })
    await empty.dispatch.add({ title: 'on' })
    await mirrored(empty, 51)
  })

  test('that turns out to be damaged when it may be read says so', async () => {
    const name = freshName()
    const folder = createDisk()
    const mirror = folder.root
    const one = await tab(name, {}, { mirror })
    await addMany(one, 50)
    await mirrored(one, 50)
    await lose(name, one)
    folder.permission = 'prompt'
    const empty = await tab(name, {}, { mirror })
    await mirrored(empty, off('permission: prompt'))
    folder.root.files.get(`tidemark-${name}/${tail}`)!.fill(0, -20)
    stored = mirror
    expect(await resumeMirror(empty)).toBe(true)
    expect(empty.status.lastError).toMatchObject({
      kind: 'lost',
      message: expect.stringContaining('event 1 is damaged'),
    })
  })
})

describe('destroy', () => {
  test('leaves nothing of a mirror whose first file is just being written', async () => {
    const name = freshName()
    const one = await tab(name)
    await mirrored(one, 0)
    const { getDirectoryHandle } = disk.root
    disk.root.getDirectoryHandle = async (...given) => {
      if (given[1]?.create) await later(200)
      return getDirectoryHandle(...given)
    }
    await one.dispatch.add({ title: 'a' })
    await later(550)
    await destroy(one)
    await later(400)
    expect(filesOf(name)).toEqual([])
    expect((await tab(name)).status.sequence).toBe(0)
  })

  test('asked for in two tabs at once, both hear that it is done', async () => {
    const name = freshName()
    const [one, two] = [await tab(name), await tab(name)]
    await one.dispatch.add({ title: 'a' })
    await mirrored(one, 1)
    await Promise.all([destroy(one), destroy(two)])
    expect(filesOf(name)).toEqual([])
    expect((await tab(name)).status.sequence).toBe(0)
  })

  test('removes the mirror with the log: nothing comes back', async () => {
    const name = freshName()
    const [one, two] = [await tab(name), await tab(name)]
    await one.dispatch.add({ title: 'a' })
    await mirrored(two, 1)
    await destroy(one)
    expect(filesOf(name)).toEqual([])
    expect(await outcome(two.dispatch.add({ title: 'b' }))).toMatchObject({ name: 'EngineClosed' })
    const anew = await tab(name)
    expect(anew.status.sequence).toBe(0)
    expect(anew.status.restored).toBeUndefined()
    await anew.dispatch.add({ title: 'c' })
    await mirrored(anew, 1)
  })
})
