import { CorruptLog, OutdatedCodeError } from '../errors.ts'
import { stringify } from '../model/json.ts'
import { pause } from '../slices.ts'
import { type CommitRecord, MOST_LINE_CHARACTERS } from './commit.ts'
import { BadText, compressed, decompressed } from './gzip.ts'
import type { LogIdentity, SegmentRecord } from './stores.ts'

/**
 * The first line of a chunk, as JSON. A line feed and `bytes` bytes of body follow. A sealed segment is one chunk; a mirror's file and an
 * export consist of chunks.
 */
export interface ChunkHeader {
  readonly tidemark: 1
  /** The log that made these bytes. An imported log keeps its chunks under a new log id, so readers compare only the lineage. */
  readonly log: string
  readonly lineage: string
  readonly first: number
  readonly last: number
  /**
   * Absent for commits. `'base'`: the rows from which an archived log goes on, as they were at `last`. `'end'`: the end of a file that holds
   * `first..last`. `'outbox'`: commands that were decided on the events up to `last`. `'reactions'`: positions and open events of reactions.
   * `'sent'`: own commands of the commits from `first` to `last`.
   */
  readonly kind?: 'base' | 'end' | 'outbox' | 'reactions' | 'sent'
  readonly codec: 'gzip'
  readonly bytes: number
  /** CRC-32 of the header line up to this member (without the comma before it) and of the body. */
  readonly checksum: number
}

export interface Chunk {
  readonly header: ChunkHeader
  /** Header line and body. */
  readonly bytes: Uint8Array<ArrayBuffer>
}

export const archivedSegment = (base: number): SegmentRecord => ({
  first: 1,
  last: base,
  codec: 'archived',
  checksum: 0,
  body: '',
})

const CHUNK_CHECKSUM = ',"checksum":'

/** The most characters of a chunk of commits: one commit of any size, and besides it 64 times what a seal aims at. */
const MOST_CHARACTERS = 2 * MOST_LINE_CHARACTERS
/** The most characters of a base, which holds all rows of one projection. Readers take it line by line. */
const MOST_BASE_CHARACTERS = 16 * MOST_LINE_CHARACTERS

/** Makes a chunk of this text, compressed. An end has no text. */
export async function makeChunk(
  header: Pick<ChunkHeader, 'log' | 'lineage' | 'first' | 'last' | 'kind'>,
  text: Iterable<string>,
): Promise<Chunk> {
  const body = joinedBytes(header.kind === 'end' ? [] : await compressed(text))
  const fields = { tidemark: 1, ...header, codec: 'gzip', bytes: body.length } as const
  const start = new TextEncoder().encode(stringify(fields).slice(0, -1))
  const checksum = crc32(body, crc32(start))
  const end = new TextEncoder().encode(`${CHUNK_CHECKSUM}${checksum}}\n`)
  return { header: { ...fields, checksum }, bytes: joinedBytes([start, end, body]) }
}

/** Makes a chunk of commits. Each one has two lines: all of its fields but the body as JSON, also unknown ones; then the body as it is. */
export function packChunk({ id, lineage }: LogIdentity, records: readonly CommitRecord[]): Promise<Chunk> {
  const first = records[0]?.first ?? 1
  const last = records.at(-1)?.last ?? 0
  return makeChunk({ log: id, lineage, first, last }, textOfRecords(records))
}

export function* textOfRecords(records: readonly CommitRecord[]): Generator<string> {
  for (const { body, ...head } of records) {
    yield `${stringify(head)}\n`
    yield body
    yield '\n'
  }
}

/** Parses the first line of a chunk; undefined if it is none. */
export function chunkHeaderOf(line: string): ChunkHeader | undefined {
  try {
    const { tidemark, log, lineage, first, last, codec, bytes, checksum } = JSON.parse(line)
    const numbers = [tidemark, first, last, bytes, checksum].every((one) => Number.isSafeInteger(one) && one >= 0)
    const strings = [log, lineage, codec].every((one) => typeof one === 'string')
    return numbers && strings ? JSON.parse(line) : undefined
  } catch {
    return undefined
  }
}

/** Are header line and body as they were written? It finds any change, also one in the header. */
export function isWholeChunk(line: string, { checksum, bytes }: ChunkHeader, body: Uint8Array): boolean {
  const end = `${CHUNK_CHECKSUM}${checksum}}`
  const start = new TextEncoder().encode(line.slice(0, -end.length))
  return body.length === bytes && line.endsWith(end) && crc32(body, crc32(start)) === checksum
}

/** The lines of a chunk's body, as they are decompressed. Throws BadText for text that no writer makes. */
export async function* linesIn({
  header,
  bytes,
}: {
  readonly header: Pick<ChunkHeader, 'bytes' | 'kind'>
  readonly bytes: Uint8Array<ArrayBuffer>
}): AsyncGenerator<string[]> {
  const body = bytes.subarray(bytes.length - header.bytes)
  if (!body.length) return
  const most = header.kind === 'base' ? MOST_BASE_CHARACTERS : MOST_CHARACTERS
  const decoder = new TextDecoder()
  let characters = 0
  let rest = ''
  for await (const part of decompressed(body)) {
    const text = decoder.decode(part, { stream: true })
    characters += text.length
    // A few bytes of gzip may stand for any number of blanks.
    if (characters > most) throw new BadText(`a chunk may unpack to ${most} characters`)
    const lines = text.split('\n')
    // Splits only the new text: a line may be longer than many parts, and searching it again for each part would be slow.
    lines[0] = rest + lines[0]
    rest = lines.pop()!
    if (rest.length > MOST_LINE_CHARACTERS) throw new BadText(`a line may have ${MOST_LINE_CHARACTERS} characters`)
    yield lines
  }
}

/** The commits in a chunk, as they are decompressed: their text is many times longer than the chunk. Parses each head and checks nothing. */
export const recordsIn = (chunk: Chunk): AsyncGenerator<CommitRecord[]> => recordsOfLines(linesIn(chunk))

/** The commits that these lines hold. */
async function* recordsOfLines(some: AsyncIterable<readonly string[]>): AsyncGenerator<CommitRecord[]> {
  const read = createCommitReader()
  for await (const lines of some) yield read(lines)
}

/** Makes commits of lines, two for each, in parts that may end anywhere. Throws BadText. */
export function createCommitReader(): (lines: readonly string[]) => CommitRecord[] {
  let record: { -readonly [K in keyof CommitRecord]: CommitRecord[K] } | undefined
  return (lines) => {
    const records: CommitRecord[] = []
    for (const line of lines) {
      if (record === undefined) record = commitHeadOf(line)
      else {
        record.body = line
        records.push(record)
        record = undefined
      }
    }
    return records
  }
}

function commitHeadOf(line: string): CommitRecord {
  try {
    const head = JSON.parse(line)
    if (typeof head === 'object' && head) return head
  } catch {}
  throw new BadText(`not the head of a commit: ${line.slice(0, 40)}`)
}

/** All commits in a chunk. */
export async function recordsOf(chunk: Chunk): Promise<CommitRecord[]> {
  const all: CommitRecord[] = []
  for await (const records of recordsIn(chunk)) all.push(...records)
  return all
}

/** Opens a chunk and verifies its checksum; undefined if the bytes are not as they were written. */
export function openChunk(bytes: Uint8Array<ArrayBuffer>): Chunk | undefined {
  const end = bytes.indexOf(10)
  const line = new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes.subarray(0, Math.max(0, end)))
  const header = chunkHeaderOf(line)
  return header && isWholeChunk(line, header, bytes.subarray(end + 1)) ? { header, bytes } : undefined
}

/**
 * The commits of a verified chunk that end after `after`, in parts. A reader folds one part before the next is unpacked.
 * Throws CorruptLog if they can't be read.
 */
export async function* unpackChunk(after: number, chunk: Chunk): AsyncGenerator<readonly CommitRecord[]> {
  let part: CommitRecord[] = []
  for await (const records of commitsInChunk(chunk)) {
    for (const record of records) if (!(record.last <= after)) part.push(record)
    if ((part.at(-1)?.last ?? 0) - (part[0]?.first ?? 0) < PART) continue
    yield part
    part = []
    // Decompression may need only microtasks, and then the page could not render between two parts. This pause lets it.
    await pause()
  }
  if (part.length) yield part
}

/**
 * The commits of a verified chunk that contain one of the sequences, which have to ascend. Stops reading at the
 * last of them. Throws CorruptLog if the commits can't be read.
 */
export async function findInChunk(sequences: readonly number[], chunk: Chunk): Promise<readonly CommitRecord[]> {
  const found: CommitRecord[] = []
  let next = 0
  for await (const records of commitsInChunk(chunk)) {
    for (const record of records) {
      if (record.last >= (sequences[next] ?? Infinity)) found.push(record)
      while ((sequences[next] ?? Infinity) <= record.last) next++
      if (next === sequences.length) return found
    }
  }
  return found
}

/** Events of a part: some milliseconds of work for a reader. */
const PART = 4096

/** The commits of a chunk whose checksum fits. If their text is wrong, it was wrong when it was written, so the log is corrupt. */
async function* commitsInChunk(chunk: Chunk): AsyncGenerator<CommitRecord[]> {
  try {
    yield* recordsIn(chunk)
  } catch (error) {
    if (error instanceof BadText) throw new CorruptLog(chunk.header.first)
    throw error
  }
}

/** Throws OutdatedCodeError for a chunk, or a record of one, that a newer build wrote. */
export function assertKnownFormat({
  codec,
  tidemark = 1,
  kind = 'end',
}: {
  readonly codec: string
  readonly tidemark?: number
  readonly kind?: string
}): void {
  if (tidemark !== 1) throw new OutdatedCodeError('chunk format', tidemark)
  if (codec !== 'gzip') throw new OutdatedCodeError(`chunk codec ${codec}`, 1)
  if (kind !== 'end' && kind !== 'base') throw new OutdatedCodeError(`chunk kind ${kind}`, 1)
}

export function joinedBytes(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0))
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}

let crcTable: Uint32Array | undefined

/** CRC-32 as in ISO 3309 (the one of gzip and PNG). `before` is the CRC of the bytes before these. */
export function crc32(bytes: Uint8Array, before: number = 0): number {
  crcTable ??= Uint32Array.from({ length: 256 }, (_, byte) => {
    let n = byte
    for (let bit = 0; bit < 8; bit++) n = n & 1 ? (n >>> 1) ^ 0xedb88320 : n >>> 1
    return n
  })
  let crc = ~before
  for (let i = 0; i < bytes.length; i++) crc = (crc >>> 8) ^ crcTable[(crc ^ bytes[i]!) & 255]!
  return ~crc >>> 0
}
