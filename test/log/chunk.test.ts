import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Chunk, type CommitRecord, packChunk, readChunks, recordsOf } from './rooms.ts'

const identity = { id: 'log', lineage: 'lineage', format: 1 } as const
const commits = (first: number, count: number): CommitRecord[] =>
  Array.from({ length: count }, (_, i) => ({
    id: `c${first + i}`,
    first: first + i,
    last: first + i,
    body: JSON.stringify([{ id: `d${first + i}`, at: 1, events: [{ type: 'x', data: 'ä\u2028\ud800"' }] }]),
    later: { unknown: true },
  }))

async function readAll(file: Blob | ReadableStream<Uint8Array>): Promise<Chunk[]> {
  const all: Chunk[] = []
  for await (const chunk of readChunks(file)) all.push(chunk)
  return all
}

/** The file in pieces of so many bytes. */
const inPieces = (bytes: Uint8Array, size: number): ReadableStream<Uint8Array> =>
  new ReadableStream({
    start(controller) {
      for (let at = 0; at < bytes.length; at += size) controller.enqueue(bytes.slice(at, at + size))
      controller.close()
    },
  })

const whole = async (...chunks: Promise<Chunk>[]): Promise<Uint8Array<ArrayBuffer>> =>
  new Uint8Array(await new Blob((await Promise.all(chunks)).map(({ bytes }) => bytes)).arrayBuffer())

describe('a chunk', () => {
  test('is a line of JSON and the bytes it announces', async () => {
    const { bytes } = await packChunk(identity, commits(5, 3))
    const end = bytes.indexOf(10)
    const header = JSON.parse(new TextDecoder().decode(bytes.subarray(0, end)))
    expect(header).toEqual({
      tidemark: 1,
      log: 'log',
      lineage: 'lineage',
      first: 5,
      last: 7,
      codec: 'gzip',
      bytes: bytes.length - end - 1,
      checksum: expect.any(Number),
    })
    const body = new Blob([bytes.subarray(end + 1)]).stream().pipeThrough(new DecompressionStream('gzip'))
    const lines = (await new Response(body).text()).trimEnd().split('\n')
    expect(lines).toEqual(commits(5, 3).flatMap(({ body, ...head }) => [JSON.stringify(head), body]))
  })

  test('gives its records back, whatever pieces the file comes in, unknown fields too', async () => {
    const bytes = await whole(packChunk(identity, commits(1, 4)), packChunk(identity, commits(5, 2)))
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: bytes.length }), async (size) => {
        const chunks = await readAll(inPieces(bytes, size))
        expect(chunks.map(({ header }) => [header.first, header.last])).toEqual([
          [1, 4],
          [5, 6],
        ])
        expect((await Promise.all(chunks.map(recordsOf))).flat()).toEqual(commits(1, 6))
      }),
      { numRuns: 30 },
    )
  })

  test('gives back what is longer than the pieces it is packed in, wherever they cut a character', async () => {
    for (const text of ['x', 'ä', '\u2028', '😀', 'x😀'])
      for (let shift = 0; shift < 4; shift++) {
        const body = JSON.stringify([`${'-'.repeat(shift)}${text.repeat(50_000)}`])
        const records = [{ ...commits(1, 1)[0]!, body }, ...commits(2, 2)]
        expect(await recordsOf(await packChunk(identity, records))).toEqual(records)
      }
  })

  test('is refused with its line if any byte was changed', async () => {
    const first = await whole(packChunk(identity, commits(1, 4)))
    const bytes = await whole(packChunk(identity, commits(1, 4)), packChunk(identity, commits(5, 2)))
    await fc.assert(
      fc.asyncProperty(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), async (at, change) => {
        const edited = bytes.slice()
        edited[at]! ^= change
        await expect(readAll(new Blob([edited]))).rejects.toMatchObject({
          name: 'ImportError',
          line: at < first.length ? 1 : 2,
        })
      }),
      { numRuns: 300 },
    )
  })

  test('is refused if it is cut, and the error says so', async () => {
    const bytes = await whole(packChunk(identity, commits(1, 4)))
    for (let length = 1; length < bytes.length; length++)
      await expect(readAll(new Blob([bytes.subarray(0, length)]))).rejects.toMatchObject({
        name: 'ImportError',
        line: 1,
        reason: expect.stringContaining('cut'),
      })
  })

  test('is refused with bytes before, between or after it', async () => {
    const one = await whole(packChunk(identity, commits(1, 1)))
    const two = await whole(packChunk(identity, commits(2, 1)))
    for (const [line, parts] of [
      [1, ['\ufeff', one, two]],
      [2, [one, '\n', two]],
      [3, [one, two, ' ']],
      [1, ['PK\u0003\u0004', '0'.repeat(200_000)]],
    ] as const)
      await expect(readAll(new Blob([...parts]))).rejects.toMatchObject({ name: 'ImportError', line })
  })
})
