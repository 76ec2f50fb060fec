import { asError } from '../../caught.ts'
import { CorruptLog } from '../../errors.ts'
import { type Chunk, createCommitReader } from '../../log/chunk.ts'
import { type CommitRecord, commandsOf, isCommit } from '../../log/commit.ts'
import { above, type Database, numberKeyOf } from '../../log/database.ts'
import { decompressed } from '../../log/gzip.ts'
import { queueBody, sealedChunk } from '../../log/sealed.ts'
import type { SegmentRecord } from '../../log/stores.ts'
import { createBreather } from '../../slices.ts'
import type { Core } from '../core.ts'

/** The most events that are not sealed yet and are read at once. */
export const WINDOW_EVENTS = 512

/** A part of the log: a record, or a range that can't be read, with the error. */
export type Stretch = { readonly first: number; readonly last: number } & (
  | { readonly record: CommitRecord; readonly error?: undefined }
  | { readonly record?: undefined; readonly error: Error }
)

/** Bytes of a block: some screens of short events. A longer record is a block of its own. */
const BLOCK_BYTES = 16_384

/**
 * Stretches that are decoded together. The text of a sealed block is kept as bytes: a browser needs a millisecond to free a megabyte of decoded
 * text, and frees all of it in one task, so a list that scrolls decodes the blocks that are seen.
 */
export interface Block {
  readonly first: number
  readonly last: number
  /** Ascending and without a gap. Decodes them with each call. */
  decode(): readonly Stretch[]
}

/**
 * The blocks around one event, ascending and without a gap. Other readers refuse a log with a damaged record, as they must. This one is for
 * tools that show what can still be read. It reads unsealed events only after `after`, and at most `most`. Rejects only if the storage itself
 * fails.
 */
export async function blocksAround(
  core: Core,
  sequence: number,
  after = 0,
  most: number = WINDOW_EVENTS,
): Promise<readonly Block[]> {
  const { database, log, head } = core
  if (!database) return oneBlock(await inMemory(log, sequence))
  const { result: segment } = await database.transact(['segments'], 'readonly', (store) =>
    store('segments').get(above(sequence - 1)),
  )
  if (segment && segment.first > sequence)
    return oneBlock([{ first: sequence, last: segment.first - 1, error: new CorruptLog(sequence) }])
  if (segment) return ofSegment(database, segment)
  return oneBlock(await unsealed(database, sequence, head, after, most))
}

function oneBlock(stretches: readonly Stretch[]): readonly Block[] {
  const [start, end] = [stretches[0], stretches.at(-1)]
  return start && end ? [{ first: start.first, last: end.last, decode: () => stretches }] : []
}

async function inMemory(log: Core['log'], sequence: number): Promise<readonly Stretch[]> {
  for await (const records of log.readAfter(sequence - 1)) return records.slice(0, WINDOW_EVENTS).map(stretchOf)
  return []
}

const stretchOf = (record: CommitRecord): Stretch => ({ first: record.first, last: record.last, record })

async function ofSegment(database: Database, segment: SegmentRecord): Promise<readonly Block[]> {
  const { first, last, body } = segment
  try {
    const stored = await database.transact(['bodies'], 'readonly', (store) => queueBody(store, body))
    return blocksOf(segment, await segmentText(await sealedChunk(database, segment, stored)))
  } catch (error) {
    return oneBlock([{ first, last, error: asError(error) }])
  }
}

/** The text of a verified chunk. A seal bounds its length. */
async function segmentText({ header, bytes }: Chunk): Promise<Uint8Array> {
  const breather = createBreather()
  const parts: Uint8Array[] = []
  for await (const part of decompressed(bytes.subarray(bytes.length - header.bytes))) {
    parts.push(part)
    await breather.rest()
  }
  const text = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0))
  let filled = 0
  for (const part of parts) {
    text.set(part, filled)
    filled += part.length
  }
  return text
}

/** Cuts the text of a segment where a record ends. Each record has two lines. */
function blocksOf({ first, last }: SegmentRecord, text: Uint8Array): readonly Block[] {
  const starts: { readonly first: number; readonly bytes: Uint8Array }[] = []
  let from = 0
  for (let head = text.indexOf(10); head >= 0; ) {
    // Without a second line, the record was wrong when it was sealed.
    const end = (text.indexOf(10, head + 1) + 1 || text.length + 1) - 1
    head = text.indexOf(10, end + 1)
    if (end - from < BLOCK_BYTES && head >= 0) continue
    const line = new TextDecoder().decode(text.subarray(from, text.indexOf(10, from)))
    const start = starts.length ? JSON.parse(line).first : first
    if (!Number.isSafeInteger(start)) throw new CorruptLog(first)
    starts.push({ first: start, bytes: text.subarray(from, end) })
    from = end + 1
  }
  return starts.map((start, i) => {
    const end = (starts[i + 1]?.first ?? last + 1) - 1
    return { first: start.first, last: end, decode: () => decodeBlock(start.bytes, start.first, end) }
  })
}

function decodeBlock(bytes: Uint8Array, first: number, last: number): readonly Stretch[] {
  const stretches: Stretch[] = []
  const read = createCommitReader()
  try {
    // The checksum fits, so a record that is wrong was wrong when it was sealed.
    for (const line of new TextDecoder().decode(bytes).split('\n'))
      for (const record of read([line])) add(stretches, record, first, true)
  } catch {}
  const next = (stretches.at(-1)?.last ?? first - 1) + 1
  if (next <= last) stretches.push({ first: next, last, error: new CorruptLog(next) })
  return stretches
}

async function unsealed(
  database: Database,
  sequence: number,
  head: number,
  after: number,
  most: number,
): Promise<readonly Stretch[]> {
  const from = Math.max(sequence - (sequence % most), after + 1)
  // An engine that is outdated or behind has a lower head than its log.
  const to = Math.min(Math.max(head, sequence), from + most - 1)
  const found = await database.transact(['segments', 'commits'], 'readonly', (store) => ({
    newest: store('segments').openKeyCursor(null, 'prev'),
    before: store('commits').openCursor(IDBKeyRange.upperBound(from), 'prev'),
    // IndexedDB throws for an empty range, so both ends are excluded.
    others: store('commits').getAll(IDBKeyRange.bound(from, to + 1, true, true)),
  }))
  const sealed = numberKeyOf(found.newest)
  const firstSequence = Math.max(from, sealed + 1)
  const stretches: Stretch[] = []
  const before = found.before.result?.value
  for (const record of before ? [before, ...found.others.result] : found.others.result) {
    // A record that begins below the end of the newest segment is not part of the log.
    if (!(isCommit(record) && record.first <= sealed)) add(stretches, record, firstSequence)
  }
  const next = (stretches.at(-1)?.last ?? firstSequence - 1) + 1
  if (next <= to) stretches.push({ first: next, last: to, error: new CorruptLog(next) })
  return stretches
}

/** Adds the next record. A gap before it becomes a stretch with an error, and so does a record that can't be read. */
function add(stretches: Stretch[], record: CommitRecord, firstSequence: number, isVerified = false): void {
  if (!isCommit(record)) return
  const { first, last } = record
  const next = stretches.length ? stretches.at(-1)!.last + 1 : firstSequence
  if (last < next) return
  if (first > next) stretches.push({ first: next, last: first - 1, error: new CorruptLog(next) })
  stretches.push(
    isVerified || isWholeRecord(record) ? stretchOf(record) : { first, last, error: new CorruptLog(first) },
  )
}

function isWholeRecord(record: CommitRecord): boolean {
  try {
    const events = commandsOf(record).reduce((count, command) => count + command.events.length, 0)
    return record.first + events === record.last + 1
  } catch {
    return false
  }
}
