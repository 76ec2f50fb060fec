import { afterEach, describe, expect, test, vi } from 'vitest'
import { crc32 } from '../log/rooms.ts'
import { dump, inDatabase } from '../log/storage.ts'
import { tab } from './kit.ts'
import { addMany, bytesAt, disk, lost, mirrored, sealAll, segment, tail } from './mirrored.ts'
import { freshName, outcome, shown } from './todos.ts'

// The second copy, or what the browser stored, can't be read now: that is not the same as being gone.

const UNREADABLE = ['UnknownError', 'NotReadableError', 'InvalidStateError', 'AbortError'] as const
const refuse = (name: string) => async (): Promise<never> => {
  throw new DOMException('by the test', name)
}
const stored = async (name: string) => (await dump(name, 'meta')).find(({ key }) => key === 'log')?.value

afterEach(() => void vi.restoreAllMocks())

describe('a lost database whose second copy', () => {
  test.each(UNREADABLE)(
    'can not be looked for (%s) rejects, writes nothing, and is restored with the next open',
    async (kind) => {
      const name = await lost(10)
      const getDirectory = vi.spyOn(navigator.storage, 'getDirectory').mockImplementation(refuse(kind))
      const error = await outcome(tab(name))
      expect(error).toMatchObject({
        name: 'StorageError',
        kind: 'unavailable',
        message: expect.stringContaining('mirror: false'),
      })
      // And once by the pipeline that the lost log still has.
      expect(getDirectory.mock.calls.length).toBeGreaterThanOrEqual(3)
      expect(await stored(name)).toMatchObject({ format: 0 })
      expect(await dump(name, 'commits')).toEqual([])
      getDirectory.mockRestore()
      expect((await tab(name)).status).toMatchObject({ sequence: 10, restored: { sequence: 10 } })
    },
  )

  test('can be looked for at the third attempt is restored at once', async () => {
    const name = await lost(10)
    const { getDirectory } = navigator.storage
    let calls = 0
    vi.spyOn(navigator.storage, 'getDirectory').mockImplementation(() =>
      ++calls < 3 ? refuse('UnknownError')() : getDirectory(),
    )
    expect((await tab(name)).status).toMatchObject({ sequence: 10, restored: { sequence: 10 } })
  })

  test('has a folder or a file that can not be read rejects and writes nothing', async () => {
    for (const method of ['getDirectoryHandle', 'values', 'getFile'] as const) {
      const name = await lost(10)
      const root = disk.root as any
      const folder = await root.getDirectoryHandle(`tidemark-${name}`)
      const broken = { ...folder }
      if (method === 'values')
        broken.values = () => ({ [Symbol.asyncIterator]: () => ({ next: refuse('UnknownError') }) })
      if (method === 'getFile')
        broken.values = async function* () {
          for await (const file of folder.values()) yield { ...file, getFile: refuse('NotReadableError') }
        }
      const spy = vi
        .spyOn(root, 'getDirectoryHandle')
        .mockImplementation(method === 'getDirectoryHandle' ? refuse('UnknownError') : async () => broken)
      expect(await outcome(tab(name)), method).toMatchObject({ name: 'StorageError', kind: 'unavailable' })
      expect(await stored(name)).toMatchObject({ format: 0 })
      spy.mockRestore()
      expect((await tab(name)).status.sequence).toBe(10)
    }
  })

  test('can not be read opens without it where the app says mirror: false', async () => {
    const name = await lost(10)
    vi.spyOn(navigator.storage, 'getDirectory').mockImplementation(refuse('UnknownError'))
    expect((await tab(name, {}, { mirror: false })).status.sequence).toBe(0)
  })

  test('was written by a newer build rejects as outdated, and is left for that build', async () => {
    const name = await lost(10)
    const text = new TextDecoder('latin1').decode(bytesAt(name, tail))
    const end = text.indexOf('\n')
    const line = text
      .slice(0, end)
      .replace('"tidemark":1', '"tidemark":2')
      .replace(/,"checksum":\d+}$/, '')
    const body = Buffer.from(text.slice(end + 1), 'latin1')
    const head = `${line},"checksum":${crc32(body, crc32(Buffer.from(line)))}}\n`
    disk.root.files.set(`tidemark-${name}/${tail}`, new Uint8Array(Buffer.concat([Buffer.from(head), body])))
    expect(await outcome(tab(name))).toMatchObject({ name: 'OutdatedCodeError', type: 'chunk format', version: 2 })
    expect(await stored(name)).toMatchObject({ format: 0 })
  })
})

describe('a browser that can have no second copy opens at the first visit', () => {
  test.each([
    [
      'Firefox in a private window',
      () => vi.spyOn(navigator.storage, 'getDirectory').mockImplementation(refuse('SecurityError')),
    ],
    ['without getDirectory', () => vi.stubGlobal('navigator', { ...navigator, storage: {} })],
    ['without Web Locks', () => vi.stubGlobal('navigator', { ...navigator, locks: undefined })],
    ['Safari before 26: without createWritable', () => vi.stubGlobal('FileSystemFileHandle', class {})],
  ])('%s', async (_, change) => {
    change()
    const name = freshName()
    const one = await tab(name)
    expect((await one.dispatch.add({ title: 'first' })).sequence).toBe(1)
    expect(one.status.lastError).toBeUndefined()
  })
})

test('what the browser said of a lost database is told even if the first open could not look for the copy', async () => {
  const name = freshName()
  const { open } = indexedDB
  const spy = vi.spyOn(indexedDB, 'open').mockImplementation((...given) => {
    const request = open.apply(indexedDB, given)
    request.addEventListener('upgradeneeded', (event) => Object.assign(event, { dataLoss: 'total' }), { capture: true })
    const dispatch = request.dispatchEvent.bind(request)
    request.dispatchEvent = (event) => {
      if (event.type === 'upgradeneeded') Object.assign(event, { dataLoss: 'total' })
      return dispatch(event)
    }
    return request
  })
  const getDirectory = vi.spyOn(navigator.storage, 'getDirectory').mockImplementation(refuse('UnknownError'))
  expect(await outcome(tab(name))).toMatchObject({ kind: 'unavailable' })
  spy.mockRestore()
  getDirectory.mockRestore()
  const one = await tab(name)
  expect(one.status.lastError).toMatchObject({ kind: 'lost', message: expect.stringContaining('total') })
})

describe('a sealed segment that the browser', () => {
  /** A log of 500 events whose first 200 are sealed, in the database and in the mirror; nobody has it open. */
  async function sealed(options = {}) {
    const name = freshName()
    const one = await tab(name, {}, options)
    await addMany(one, 500)
    await sealAll(name, 200, 200)
    if (!('mirror' in options)) {
      // The pipeline hears of a seal by its own tidying; a commit brings it, too.
      await one.dispatch.add({ title: 'last' })
      await vi.waitFor(() => expect(bytesAt(name, segment(1, 200))).toBeDefined(), { timeout: 15_000 })
      await mirrored(one, 501)
    }
    const rows = shown(one)
    await one.close()
    // Or the rows would come from the pages.
    await inDatabase(name, (store) => {
      for (const cache of ['pages', 'checkpoints']) store(cache).clear()
    })
    const [body] = await dump(name, 'bodies')
    return { name, rows, body: body! }
  }

  /** Reading a body fails, for as long as the test says. */
  function failReads(kind: string) {
    const { get } = IDBObjectStore.prototype
    return vi.spyOn(IDBObjectStore.prototype, 'get').mockImplementation(function (this: any, key) {
      if (this.name !== 'bodies') return get.call(this, key)
      const operation = () => {
        throw new DOMException('by the test', kind)
      }
      return this.transaction._execRequestAsync({ source: this, operation })
    })
  }

  test('has lost is taken from the mirror, and put back', async () => {
    const { name, rows, body } = await sealed()
    await inDatabase(name, (store) => store('bodies').delete(body.key))
    const one = await tab(name)
    expect(shown(one)).toEqual(rows)
    await vi.waitFor(async () => expect((await dump(name, 'bodies'))[0]).toEqual(body))
  })

  test.each(UNREADABLE.slice(0, 2))('can not read (%s) is taken from the mirror', async (kind) => {
    const { name, rows } = await sealed()
    const spy = failReads(kind)
    const one = await tab(name)
    expect(shown(one)).toEqual(rows)
    spy.mockRestore()
  })

  test('has damaged is taken from the mirror', async () => {
    const { name, rows, body } = await sealed()
    const damaged = body.value.slice()
    damaged[damaged.length - 9] ^= 1
    await inDatabase(name, (store) => store('bodies').put(damaged, body.key))
    const one = await tab(name)
    expect(shown(one)).toEqual(rows)
  })

  test('has lost, and the mirror has damaged, is corruption: no other bytes are taken', async () => {
    const { name, body } = await sealed()
    await inDatabase(name, (store) => store('bodies').delete(body.key))
    bytesAt(name, segment(1, 200))[500]! ^= 1
    expect(await outcome(tab(name))).toMatchObject({ name: 'CorruptLog', sequence: 1 })
  })

  test('can not read, without a mirror, rejects as lost, and opens once it can be read again', async () => {
    const { name, rows } = await sealed({ mirror: false })
    const spy = failReads('UnknownError')
    expect(await outcome(tab(name, {}, { mirror: false }))).toMatchObject({
      name: 'StorageError',
      kind: 'lost',
      message: expect.stringContaining('events 1 to 200'),
    })
    spy.mockRestore()
    expect(shown(await tab(name, {}, { mirror: false }))).toEqual(rows)
  })

  test('can not unpack, because it has no codec, is not corruption', async () => {
    const { name, rows } = await sealed({ mirror: false })
    vi.stubGlobal('DecompressionStream', undefined)
    expect(await outcome(tab(name, {}, { mirror: false }))).toMatchObject({ name: 'StorageError', kind: 'unavailable' })
    vi.unstubAllGlobals()
    expect(shown(await tab(name, {}, { mirror: false }))).toEqual(rows)
  })
})
