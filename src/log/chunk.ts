import { pause } from '../async.ts'
import { CorruptLog, EngineClosed, OutdatedCodeError } from '../errors.ts'
import type { CommitRecord } from './commit.ts'
import type { LogIdentity } from './database.ts'
import { compressed, decompressed, release } from './gzip.ts'

/** First line of a chunk, as JSON; `bytes` bytes of body follow its line feed. A sealed segment, a mirror's file and a part of an export are chunks. */
export interface ChunkHeader {
  readonly tidemark: 1
  /** The log that made these bytes. A log that was imported keeps its chunks, so only the lineage is compared. */
  readonly log: string
  readonly lineage: string
  readonly first: number
  readonly last: number
  /** `'base'`: rows that an archived log stands on at `last`; `'end'`: a file that holds `first..last` is whole. */
  readonly kind?: 'base' | 'end'
  readonly codec: 'gzip'
  readonly bytes: number
  /** CRC-32 of the header line up to here (the comma before this member left out) and of the body. */
  readonly checksum: number
}

export interface Chunk {
  readonly header: ChunkHeader
  /** Header line and body. */
  readonly bytes: Uint8Array<ArrayBuffer>
}

/** A range of sealed commits, under the key `last`; its chunk stands apart in `bodies`, so that look-ups stay small. */
export interface SegmentRecord {
  readonly first: number
  readonly last: number
  /** `'archived'`: stands for the events that an archive took, so that the newest key still says what is no log. */
  readonly codec: 'gzip' | 'archived'
  /** The chunk's. */
  readonly checksum: number
  readonly body: string
}

export const archivedSegment = (base: number): SegmentRecord => ({
  first: 1,
  last: base,
  codec: 'archived',
  checksum: 0,
  body: '',
})

const CHECKSUM = ',"checksum":'

/** A chunk with this text in it, compressed; an end has none. */
export async function makeChunk(
  header: Pick<ChunkHeader, 'log' | 'lineage' | 'first' | 'last' | 'kind'>,
  text: Iterable<string>,
): Promise<Chunk> {
  const body = joined(header.kind === 'end' ? [] : await compressed(text))
  const fields = { tidemark: 1, ...header, codec: 'gzip', bytes: body.length } as const
  const start = new TextEncoder().encode(JSON.stringify(fields).slice(0, -1))
  const checksum = crc32(body, crc32(start))
  const end = new TextEncoder().encode(`${CHECKSUM}${checksum}}\n`)
  return { header: { ...fields, checksum }, bytes: joined([start, end, body]) }
}

/** Commits as a chunk; two lines a record: everything but its body as JSON (unknown fields too), then the body as it is. */
export function packChunk({ id, lineage }: LogIdentity, records: readonly CommitRecord[]): Promise<Chunk> {
  const first = records[0]?.first ?? 1
  const last = records.at(-1)?.last ?? 0
  return makeChunk({ log: id, lineage, first, last }, textOfRecords(records))
}

function* textOfRecords(records: readonly CommitRecord[]): Generator<string> {
  for (const { body, ...head } of records) {
    yield `${JSON.stringify(head)}\n`
    yield body
    yield '\n'
  }
}

/** What a line says, if it can be the first line of a chunk. */
export function headerOf(line: string): ChunkHeader | undefined {
  try {
    const { tidemark, log, lineage, first, last, codec, bytes, checksum } = JSON.parse(line)
    const numbers = [tidemark, first, last, bytes, checksum].every((one) => Number.isSafeInteger(one) && one >= 0)
    const strings = [log, lineage, codec].every((one) => typeof one === 'string')
    return numbers && strings ? JSON.parse(line) : undefined
  } catch {
    return undefined
  }
}

/** Are header line and body what was written? Whatever was edited, in the header too, is found. */
export function isWhole(line: string, { checksum, bytes }: ChunkHeader, body: Uint8Array): boolean {
  const end = `${CHECKSUM}${checksum}}`
  const start = new TextEncoder().encode(line.slice(0, -end.length))
  return body.length === bytes && line.endsWith(end) && crc32(body, crc32(start)) === checksum
}

/** The lines of a chunk's body. Throws what the browser throws for bytes that are no gzip. */
export async function linesOf({ header, bytes }: Chunk): Promise<string[]> {
  const lines: string[] = []
  for await (const more of textOf({ header, bytes })) lines.push(...more)
  return lines
}

/** Whole lines of a chunk's body, as they are decompressed. */
async function* textOf({ header, bytes }: Chunk): AsyncGenerator<string[]> {
  const body = bytes.subarray(bytes.length - header.bytes)
  if (!body.length) return
  const decoder = new TextDecoder()
  let rest = ''
  for await (const part of decompressed(body)) {
    const lines = decoder.decode(part, { stream: true }).split('\n')
    release(part)
    // Only what is new is looked through: a line may be longer than many parts.
    lines[0] = rest + lines[0]
    rest = lines.pop() as string
    yield lines
  }
}

/** The commits in a chunk, as they are decompressed: their text is many times the chunk. Each head is parsed, nothing is checked. */
export async function* recordsIn(chunk: Chunk): AsyncGenerator<CommitRecord[]> {
  let record: { -readonly [K in keyof CommitRecord]: CommitRecord[K] } | undefined
  for await (const lines of textOf(chunk)) {
    const records: CommitRecord[] = []
    for (const line of lines) {
      if (record === undefined) record = JSON.parse(line)
      else {
        record.body = line
        records.push(record)
        record = undefined
      }
    }
    yield records
  }
}

/** All of them. */
export async function recordsOf(chunk: Chunk): Promise<CommitRecord[]> {
  const all: CommitRecord[] = []
  for await (const records of recordsIn(chunk)) all.push(...records)
  return all
}

/** A chunk by its bytes alone; undefined where they are not what was written. */
export function openChunk(bytes: Uint8Array<ArrayBuffer>): Chunk | undefined {
  const end = bytes.indexOf(10)
  const line = new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes.subarray(0, Math.max(0, end)))
  const header = headerOf(line)
  return header && isWhole(line, header, bytes.subarray(end + 1)) ? { header, bytes } : undefined
}

/**
 * The commits of a segment that end behind `after`, in parts: whoever folds one has done with it before the next is there.
 * Throws CorruptLog where its bytes are not what was sealed, OutdatedCodeError for an unknown format or codec.
 */
export async function* unpack(after: number, ...sealed: Sealed): AsyncGenerator<readonly CommitRecord[]> {
  const [{ first }] = sealed
  const chunk = chunkOf(...sealed)
  let part: CommitRecord[] = []
  try {
    for await (const records of recordsIn(chunk)) {
      part.push(...records.filter(({ last }) => !(last <= after)))
      if ((part.at(-1)?.last ?? 0) - (part[0]?.first ?? 0) < PART) continue
      yield part
      part = []
      // A transaction stood between two segments; nothing but microtasks may stand between two parts.
      await pause()
    }
  } catch {
    throw new CorruptLog(first)
  }
  if (part.length) yield part
}

/** Those of the commits of a segment that contain one of these sequences, which ascend. Reads no further than the last. */
export async function find(sequences: readonly number[], ...sealed: Sealed): Promise<readonly CommitRecord[]> {
  const [{ first }] = sealed
  const chunk = chunkOf(...sealed)
  const found: CommitRecord[] = []
  let next = 0
  try {
    for await (const records of recordsIn(chunk)) {
      for (const record of records) {
        if (record.last >= (sequences[next] as number)) found.push(record)
        while ((sequences[next] ?? Infinity) <= record.last) next++
        if (next === sequences.length) return found
      }
    }
  } catch {
    throw new CorruptLog(first)
  }
  return found
}

/** Events of a part: enough for some milliseconds of work. */
const PART = 4096

type Sealed = [segment: SegmentRecord, bytes: Uint8Array<ArrayBuffer> | undefined, log: LogIdentity | undefined]

function chunkOf(...[segment, bytes, log]: Sealed): Chunk {
  // Whoever reads below the base opened this log before it was archived.
  if (segment.codec === 'archived') throw new EngineClosed('log replaced')
  known(segment.codec)
  const chunk = bytes instanceof Uint8Array ? openChunk(bytes) : undefined
  const { tidemark, codec, checksum, lineage } = chunk?.header ?? {}
  if (!chunk || checksum !== segment.checksum || (log && lineage !== log.lineage)) throw new CorruptLog(segment.first)
  known(codec, tidemark)
  return chunk
}

/** Throws OutdatedCodeError for a chunk that a newer build wrote. */
export function known(codec: string | undefined, format = 1, kind: string = 'end'): void {
  if (format !== 1) throw new OutdatedCodeError('chunk format', format)
  if (codec !== 'gzip') throw new OutdatedCodeError(`chunk codec ${codec}`, 1)
  if (kind !== 'end' && kind !== 'base') throw new OutdatedCodeError(`chunk kind ${kind}`, 1)
}

function joined(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0))
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}

let table: Uint32Array | undefined

/** CRC-32 as in ISO 3309 (the one of gzip and PNG), continued from that of what comes before. */
export function crc32(bytes: Uint8Array, before: number = 0): number {
  table ??= Uint32Array.from({ length: 256 }, (_, n) => {
    for (let bit = 0; bit < 8; bit++) n = n & 1 ? (n >>> 1) ^ 0xedb88320 : n >>> 1
    return n
  })
  let crc = ~before
  for (let i = 0; i < bytes.length; i++) crc = (crc >>> 8) ^ (table[(crc ^ (bytes[i] as number)) & 255] as number)
  return ~crc >>> 0
}
