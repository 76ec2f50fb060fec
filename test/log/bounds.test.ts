import { gzipSync } from 'node:zlib'
import { afterEach, describe, expect, test, vi } from 'vitest'
import {
  type CommitRecord,
  crc32,
  makeChunk,
  packChunk,
  readChunks,
  recordsOf,
  unpackChunk,
  verifyBase,
  verifyCommits,
} from './rooms.ts'

// The limits of a chunk, and the errors of a chunk that can't be unpacked.

const identity = { id: 'log', lineage: 'line', format: 1 } as const
const record: CommitRecord = {
  id: 'c1',
  first: 1,
  last: 1,
  body: JSON.stringify([{ id: 'one', at: 1, events: [{ type: 'x' }] }]),
}

/** A chunk of any bytes, with the checksum that fits. */
async function forged(body: Uint8Array, kind?: 'base') {
  const fields = { tidemark: 1, log: 'log', lineage: 'line', first: 1, last: 1, ...(kind && { kind }), codec: 'gzip' }
  const start = JSON.stringify({ ...fields, bytes: body.length }).slice(0, -1)
  const checksum = crc32(body, crc32(new TextEncoder().encode(start)))
  const file = new Blob([`${start},"checksum":${checksum}}\n`, new Uint8Array(body)])
  for await (const chunk of readChunks(file)) return chunk
  throw new Error('no chunk')
}

/** Blanks that never end in a line, as gzip: a thousandth of their size. */
const blanks = (megabytes: number): Uint8Array => gzipSync(Buffer.alloc(megabytes * 1_048_576, 32))

afterEach(() => vi.unstubAllGlobals())

describe('a chunk that unpacks to more than a chunk may hold', () => {
  test.each(['commits', 'base'] as const)(
    'of %s is refused with its line, long before it is unpacked',
    async (kind) => {
      const bytes = blanks(150)
      const chunk = await forged(bytes, kind === 'base' ? 'base' : undefined)
      let unpacked = 0
      const { decode } = TextDecoder.prototype
      vi.spyOn(TextDecoder.prototype, 'decode').mockImplementation(function (this: TextDecoder, ...given) {
        const text = decode.apply(this, given)
        unpacked += text.length
        return text
      })
      const verifying = kind === 'base' ? verifyBase(chunk, undefined) : verifyCommits(chunk, undefined, undefined)
      await expect(verifying).rejects.toMatchObject({
        name: 'ImportError',
        line: 1,
        reason: expect.stringContaining('characters'),
      })
      vi.restoreAllMocks()
      expect(unpacked).toBeLessThan(70_000_000)
    },
  )
})

describe('a chunk that can not be unpacked', () => {
  const all = async (chunk: Parameters<typeof unpackChunk>[1]) => {
    for await (const _ of unpackChunk(0, chunk));
  }

  test('because its bytes are wrong is corruption', async () => {
    for (const body of [
      new Uint8Array(100).fill(7),
      gzipSync('x'.repeat(5000)).subarray(0, 20),
      gzipSync('no JSON\n[]\n'),
    ])
      await expect(all(await forged(body))).rejects.toMatchObject({ name: 'CorruptLog', sequence: 1 })
  })

  test.each([
    ['there is no codec', undefined],
    [
      'the codec throws',
      class {
        constructor() {
          throw new TypeError('Unsupported')
        }
      },
    ],
    [
      'the codec fails while it runs',
      class {
        readonly writable = new WritableStream()
        readonly readable = new ReadableStream({
          pull: (controller) => controller.error(new RangeError('out of memory')),
        })
      },
    ],
  ])('because %s says nothing about its bytes', async (_, codec) => {
    const chunk = await packChunk(identity, [record])
    vi.stubGlobal('DecompressionStream', codec)
    await expect(all(chunk)).rejects.toMatchObject({ name: 'StorageError', kind: 'unavailable' })
    await expect(verifyCommits({ ...chunk, line: 1 }, undefined, undefined)).rejects.toMatchObject({
      kind: 'unavailable',
    })
    vi.unstubAllGlobals()
    expect(await recordsOf(chunk)).toEqual([record])
  })
})

test('a toJSON that a page gave to arrays is not called: a base holds the values that were checked', async () => {
  const prototype = Array.prototype as { toJSON?: () => string }
  prototype.toJSON = () => 'not the array'
  try {
    const chunk = await packChunk(identity, [{ ...record, extra: [1, 2] } as CommitRecord])
    expect(await recordsOf(chunk)).toEqual([{ ...record, extra: [1, 2] }])
    expect((await makeChunk({ log: 'log', lineage: 'line', first: 1, last: 1 }, ['x'])).header.bytes).toBeGreaterThan(0)
  } finally {
    delete prototype.toJSON
  }
})
