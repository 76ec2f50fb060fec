import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createDisk } from './fileSystem.ts'
import { type Chunk, type CommitRecord, chainOf, listChunks, packChunk, recordsOf } from './rooms.ts'

/** Commits of one to three events up to 60. */
const log = (mark: string): CommitRecord[] => {
  const all: CommitRecord[] = []
  for (let at = 0; at < 60; ) {
    const last = Math.min(60, at + 1 + (at % 3))
    all.push({
      id: `${mark}${at}`,
      first: at + 1,
      last,
      body: JSON.stringify(Array.from({ length: last - at }, () => mark)),
    })
    at = last
  }
  return all
}

interface File {
  name: string
  bytes: Uint8Array<ArrayBuffer>
}

/** Segments, a part of a long tail that overlaps them, and the tail in two chunks. */
async function mirrorOf(mark: string): Promise<File[]> {
  const records = log(mark)
  const ends = records.map(({ last }) => last)
  const end = (near: number): number => ends.find((one) => one >= near) as number
  const chunk = async (after: number, to: number) =>
    (
      await packChunk(
        { id: mark, lineage: mark, format: 1 },
        records.filter(({ first, last }) => first > after && last <= to),
      )
    ).bytes
  const [a, b, c, d, e] = [end(10), end(25), end(40), end(33), end(48)] as [number, number, number, number, number]
  const tail = [await chunk(e, end(54)), await chunk(end(54), 60)]
  return [
    { name: 'a.tidemark', bytes: await chunk(0, a) },
    { name: 'b.tidemark', bytes: await chunk(a, b) },
    { name: 'c.tidemark', bytes: await chunk(b, c) },
    { name: 'part.tidemark', bytes: await chunk(d, e) },
    { name: 'tail.tidemark', bytes: new Uint8Array(await new Blob(tail).arrayBuffer()) },
  ]
}

const change = fc.oneof(
  fc.record({ do: fc.constant('cut' as const), file: fc.nat(4), at: fc.double({ min: 0, max: 1, noNaN: true }) }),
  fc.record({
    do: fc.constant('flip' as const),
    file: fc.nat(4),
    at: fc.double({ min: 0, max: 0.999, noNaN: true }),
    bit: fc.nat(7),
  }),
  fc.record({ do: fc.constant('remove' as const), file: fc.nat(4) }),
  fc.record({ do: fc.constant('swap' as const), file: fc.nat(4), with: fc.nat(4) }),
  fc.record({ do: fc.constant('join' as const), file: fc.nat(4), with: fc.nat(4) }),
  fc.record({
    do: fc.constant('number' as const),
    file: fc.nat(4),
    field: fc.constantFrom('first', 'last', 'bytes', 'lineage'),
    value: fc.nat(70),
  }),
  fc.record({ do: fc.constant('mix' as const), file: fc.nat(4), instead: fc.boolean() }),
)

test('2,000 mirrors, cut, reordered, edited and mixed from two logs: a prefix of the true log, or nothing, with the reason', async () => {
  const [ours, theirs] = [await mirrorOf('ours'), await mirrorOf('theirs')]
  const true_ = log('ours')
  const seen = { whole: 0, part: 0, nothing: 0 }
  await fc.assert(
    fc.asyncProperty(fc.array(change, { maxLength: 4 }), async (changes) => {
      const files = ours.map((file) => ({ ...file, bytes: file.bytes.slice() }))
      for (const one of changes) {
        const file = files[one.file] as File
        const { length } = file.bytes
        if (one.do === 'cut') file.bytes = file.bytes.slice(0, Math.floor(one.at * length))
        if (one.do === 'flip' && length) file.bytes[Math.floor(one.at * length)]! ^= 1 << one.bit
        if (one.do === 'remove') file.name = `${file.name}.gone`
        if (one.do === 'swap') [file.bytes, files[one.with]!.bytes] = [files[one.with]!.bytes, file.bytes]
        if (one.do === 'join')
          file.bytes = new Uint8Array(await new Blob([file.bytes, files[one.with]!.bytes]).arrayBuffer())
        if (one.do === 'number') {
          const end = file.bytes.indexOf(10)
          const header = new TextDecoder().decode(file.bytes.subarray(0, Math.max(0, end)))
          const value = one.field === 'lineage' ? '"theirs"' : one.value
          const edited = header.replace(new RegExp(`"${one.field}":("\\w+"|\\d+)`), `"${one.field}":${value}`)
          file.bytes = new Uint8Array(await new Blob([edited, file.bytes.slice(Math.max(0, end))]).arrayBuffer())
        }
        if (one.do === 'mix') {
          if (one.instead) file.bytes = (theirs[one.file] as File).bytes.slice()
          else files.push({ name: `mixed${files.length}.tidemark`, bytes: (theirs[one.file] as File).bytes.slice() })
        }
      }
      const disk = createDisk()
      for (const { name, bytes } of files) disk.root.files.set(name, bytes)
      const listed = await listChunks(disk.root)
      const headers = [...listed.values()].flat().map(({ header }) => header)
      // Where nothing says any more that it is of this log, the other one is the true one.
      fc.pre(!headers.length || headers.some(({ lineage }) => lineage === 'ours'))

      const chain = chainOf(listed)
      const chunks: Chunk[] = []
      for await (const chunk of chain.chunks) chunks.push(chunk)
      const records = (await Promise.all(chunks.map(recordsOf))).flat()
      expect(records).toEqual(true_.slice(0, records.length))
      let at = 0
      for (const { header } of chunks) {
        expect(header.first).toBe(at + 1)
        at = header.last
      }
      if (at < chain.claimed) expect(chain.reason).toMatch(/event \d+ is (damaged|missing)|more than one log/)
      seen[at === 60 ? 'whole' : at ? 'part' : 'nothing']++
    }),
    { numRuns: 2000 },
  )
  // Each of them was met.
  expect(Math.min(seen.whole, seen.part, seen.nothing)).toBeGreaterThan(100)
})
