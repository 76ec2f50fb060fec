import { CorruptLog, OutdatedCodeError } from '../errors.ts'
import type { CommitRecord } from './commit.ts'

/** A range of sealed commits, under the key `last`; its bytes stand apart in `bodies`, so that look-ups stay small. */
export interface SegmentRecord {
  readonly first: number
  readonly last: number
  readonly codec: 'gzip'
  /** CRC-32 of the body's bytes. */
  readonly checksum: number
  readonly body: string
}

/** Two lines a record: everything but its body as JSON (unknown fields too), then the body as it is. */
export async function pack(records: readonly CommitRecord[]): Promise<Uint8Array<ArrayBuffer>> {
  let text = ''
  for (const { body, ...head } of records) text += `${JSON.stringify(head)}\n${body}\n`
  return through(new Blob([text]), new CompressionStream('gzip'))
}

/** The commits of a segment. Throws CorruptLog where its bytes are not what was sealed, OutdatedCodeError for an unknown codec. */
export async function unpack(
  segment: SegmentRecord,
  bytes: Uint8Array<ArrayBuffer> | undefined,
): Promise<readonly CommitRecord[]> {
  if (segment.codec !== 'gzip') throw new OutdatedCodeError(`segment codec ${segment.codec}`, 1)
  if (!(bytes instanceof Uint8Array) || crc32(bytes) !== segment.checksum) throw new CorruptLog(segment.first)
  try {
    const text = new TextDecoder().decode(await through(new Blob([bytes]), new DecompressionStream('gzip')))
    const lines = text.split('\n')
    const records: CommitRecord[] = []
    for (let i = 0; i + 1 < lines.length; i += 2)
      records.push({ ...JSON.parse(lines[i] as string), body: lines[i + 1] })
    return records
  } catch {
    throw new CorruptLog(segment.first)
  }
}

const through = async (blob: Blob, stream: CompressionStream | DecompressionStream): Promise<Uint8Array<ArrayBuffer>> =>
  new Uint8Array(
    await new Response(
      blob.stream().pipeThrough(stream as ReadableWritablePair<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>),
    ).arrayBuffer(),
  )

let table: Uint32Array | undefined

/** CRC-32 as in ISO 3309 (the one of gzip and PNG). */
export function crc32(bytes: Uint8Array): number {
  table ??= Uint32Array.from({ length: 256 }, (_, n) => {
    for (let bit = 0; bit < 8; bit++) n = n & 1 ? (n >>> 1) ^ 0xedb88320 : n >>> 1
    return n
  })
  let crc = -1
  for (const byte of bytes) crc = (crc >>> 8) ^ (table[(crc ^ byte) & 255] as number)
  return ~crc >>> 0
}
