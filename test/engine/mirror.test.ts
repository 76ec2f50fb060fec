import { defineModel, openEngine } from 'tidemark'
import { destroy, exportLog, importLog, resumeMirror } from 'tidemark/tools'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { createDisk } from '../log/fileSystem.ts'
import { openDatabase, readChunks, recordsOf } from '../log/rooms.ts'
import { abortWith, deleteDatabase, dump, inDatabase } from '../log/storage.ts'
import { copies, createCopy, createHost, type Workshop } from '../projections/rooms.ts'
import { atEnd, broken, type Tab, tab } from './kit.ts'
import {
  addMany,
  bytesAt,
  disk,
  estimate,
  filesOf,
  holdFiles,
  locks,
  lose,
  lost,
  mirrored,
  off,
  prompt,
  replaceDisk,
  sealAll,
  segment,
  tail,
} from './mirrored.ts'
import { collect, events, freshName, later, outcome, todoApp } from './todos.ts'

afterEach(() => {
  vi.restoreAllMocks()
})

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
    // A round that began before the second segment was sealed may have copied the last event.
    await expect
      .poll(() => filesOf(name))
      .toEqual(expect.arrayContaining([segment(1, 17_000), segment(17_001, 34_000)]))
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
    const { began } = holdFiles()
    const two = await tab(name)
    await began
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
    // A future that this database lost: the holder of the lock may be restoring it.
    await inDatabase(name, (store) => store('commits').clear())
    const database = await openDatabase(name, false)
    const taken = AbortSignal.abort(new Error('taken'))
    const copy = createCopy({ database } as Workshop, disk.root, true, taken)
    expect(await outcome(copy)).toMatchObject({ message: 'taken' })
    database.close()
    expect(filesOf(name)).toEqual([tail])
  })

  test('that was deleted for space while it wrote a file does not say that it is on when the file is done', async () => {
    const name = freshName()
    const one = await tab(name)
    await mirrored(one, 0)
    const close = holdFiles()
    await one.dispatch.add({ title: 'a' })
    await close.began
    void locks.request(`tidemark/mirror/${name}`, { steal: true }, () => later(2000))
    await mirrored(one, off('the disk is full'))
    close()
    await later(100)
    expect(one.status.mirror).toEqual(off('the disk is full'))
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

  test('stays where it is if a message or a record names a place that is none', async () => {
    const name = freshName()
    const one = await tab(name, {}, { mirror: false })
    await one.dispatch.add({ title: 'a' })
    await inDatabase(name, (to) => to('meta').put({ path: 'elsewhere' }, 'mirror'))
    const host = createHost(todoApp() as never, 'host', { loadMirror: copies.load })
    for (const place of [undefined, {}, null, 'folder', []]) await host.hello(name, 'todos', place as never)
    await mirrored(one, 1)
    await host.goodbye(name)
  })

  test('begins though there is no room for pages', async () => {
    const name = freshName()
    const one = await tab(name, {}, { mirror: false })
    await one.dispatch.add({ title: 'a' })
    const fault = broken()
    fault.onWrite = (store, _value, _key, transaction) => {
      if (store === 'pages') abortWith(transaction, 'QuotaExceededError')
    }
    const host = createHost(todoApp() as never, 'host', { loadMirror: copies.load })
    await host.hello(name, 'todos')
    await mirrored(one, 1)
    await host.goodbye(name)
  })

  test('keeps its tail when the database goes while it is looked for there', async () => {
    const name = freshName()
    const one = await tab(name, {}, { mirror: false })
    await one.dispatch.add({ title: 'a' })
    let lists = Number.NEGATIVE_INFINITY
    replaceDisk(async (what, _path, effect) => {
      // Before what a browser left over is swept: the log has been read, its commits have not.
      if (what === 'list' && ++lists === 2) await deleteDatabase(name)
      return effect()
    })
    const first = createHost(todoApp() as never, 'first', { loadMirror: copies.load })
    await first.hello(name, 'todos')
    await mirrored(one, 1)
    await first.goodbye(name)
    lists = 0
    const second = createHost(todoApp() as never, 'second', { loadMirror: copies.load })
    await second.hello(name, 'todos')
    await vi.waitFor(() => expect(lists).toBeGreaterThan(1), prompt)
    await later(100)
    expect(filesOf(name)).toEqual([tail])
    await second.goodbye(name)
  })

  test('begins in the log that is there now if the first one went before it was read', async () => {
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
    const host = createHost(todoApp() as never, 'host', { loadMirror: copies.load })
    await host.hello(name, 'todos')
    await vi.waitFor(
      async () => expect((await indexedDB.databases()).map(({ name }) => name)).not.toContain(`tidemark:${name}`),
      prompt,
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
    const other = createHost(todoApp({ version: 2 }) as never, 'other', { loadMirror: copies.load })
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
    const name = await lost(1)
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

  test('when the log itself has no room, the mirror is deleted first and the pages stay', async () => {
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
    await mirrored(one, off('the disk is full'))
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

describe('a folder of the user', () => {
  /** Handles of this double can't be stored, as a browser stores them. */
  const remember = (folder: FileSystemDirectoryHandle) => {
    const { get } = IDBObjectStore.prototype
    vi.spyOn(IDBObjectStore.prototype, 'get').mockImplementation(function (this: IDBObjectStore, key) {
      const request = get.call(this, key)
      if (key === 'mirror') Object.defineProperty(request, 'result', { get: () => folder, set() {} })
      return request
    })
  }

  test('takes the place of the private files: what stood there goes once the folder has all', async () => {
    const name = freshName()
    const one = await tab(name)
    await one.dispatch.add({ title: 'a' })
    await mirrored(one, 1)
    await one.close()
    const { root } = createDisk()
    const two = await tab(name, {}, { mirror: root })
    await mirrored(two, 1)
    await vi.waitFor(() => expect(filesOf(name)).toEqual([]), prompt)
    expect([...root.files.keys()]).toEqual([`tidemark-${name}/${tail}`])
  })

  test('is followed from now on when a pipeline is told of it that follows into the private files', async () => {
    const name = freshName()
    const one = await tab(name, {}, { mirror: false })
    await one.dispatch.add({ title: 'a' })
    const host = createHost(todoApp() as never, 'epoch', { loadMirror: copies.load })
    atEnd(() => host.goodbye(name))
    await host.hello(name, 'todos')
    await mirrored(one, 1)
    expect(filesOf(name)).toEqual([tail])
    const { root } = createDisk()
    await host.hello(name, 'todos', root)
    await vi.waitFor(() => expect([...root.files.keys()]).toEqual([`tidemark-${name}/${tail}`]), prompt)
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
    const folder = createDisk()
    const mirror = folder.root
    const name = await lost(50, { mirror })
    folder.permission = 'prompt'
    const empty = await tab(name, {}, { mirror })
    await mirrored(empty, off('permission: prompt'))
    expect(empty.status.sequence).toBe(0)
    remember(mirror)
    expect(await resumeMirror(empty)).toBe(true)
    await vi.waitFor(() => expect(empty.status.sequence).toBe(50), prompt)
    expect(empty.status.restored).toMatchObject({ sequence: 50 })
    await empty.dispatch.add({ title: 'on' })
    await mirrored(empty, 51)
  })

  test('that turns out to be damaged when it may be read says so', async () => {
    const folder = createDisk()
    const mirror = folder.root
    const name = await lost(50, { mirror })
    folder.permission = 'prompt'
    const empty = await tab(name, {}, { mirror })
    await mirrored(empty, off('permission: prompt'))
    folder.root.files.get(`tidemark-${name}/${tail}`)!.fill(0, -20)
    remember(mirror)
    expect(await resumeMirror(empty)).toBe(true)
    expect(empty.status.lastError).toMatchObject({
      kind: 'lost',
      message: expect.stringContaining('event 1 is damaged'),
    })
  })
})
