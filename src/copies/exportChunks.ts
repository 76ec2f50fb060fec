import { CorruptLog } from '../errors.ts'
import { type Chunk, makeChunk, openChunk, packChunk, type SegmentRecord } from '../log/chunk.ts'
import type { CommandEntry, CommitRecord } from '../log/commit.ts'
import { above, type Database, type LogIdentity } from '../log/database.ts'
import { headOf } from '../log/look.ts'
import { readAfter } from '../log/read.ts'
import { SEGMENT_CHARACTERS, SEGMENT_EVENTS } from '../log/seal.ts'

/** Command ids in one chunk. */
const COMMANDS = 16_384

/**
 * The whole log up to its head at the call: what an archived log stands on, sealed segments as they are, the tail packed,
 * and an end that says how far it goes. Holds one chunk at a time.
 */
export async function* exportChunks(database: Database, signal?: AbortSignal): AsyncGenerator<Chunk, void> {
  const log = database.log as LogIdentity
  const until = await headOf(database)
  const base = log.base ?? 0
  if (base) yield* basesOf(database, log, base)
  let last: Chunk | undefined
  for await (const chunk of segmentsAfter(database, base, until)) {
    signal?.throwIfAborted()
    yield (last = chunk)
  }
  const tail = readAfter(database, last?.header.last ?? base, signal)
  for await (const records of inChunks(tail, until)) yield (last = await packChunk(log, records))
  yield endOf(last?.header ?? { log: log.id, lineage: log.lineage, last: base }, base + 1)
}

/** The last chunk of a file: without it the file was cut. */
export const endOf = (
  { log, lineage, last }: Pick<Chunk['header'], 'log' | 'lineage' | 'last'>,
  first: number,
): Promise<Chunk> => makeChunk({ log, lineage, first, last, kind: 'end' }, [])

/** Sealed segments as they are, for as long as one begins where the last ended. */
export async function* segmentsAfter(database: Database, after: number, until: number): AsyncGenerator<Chunk, void> {
  for (;;) {
    const found = await database.transact(['segments', 'bodies'], 'readonly', (store) => {
      const found: { segment: IDBRequest<SegmentRecord | undefined>; body?: IDBRequest<Uint8Array<ArrayBuffer>> } = {
        segment: store('segments').get(above(after)),
      }
      found.segment.onsuccess = () => {
        if (found.segment.result) found.body = store('bodies').get(found.segment.result.body)
      }
      return found
    })
    const segment = found.segment.result
    // One that was sealed meanwhile, over what this reader has as the tail, is read like that.
    if (!segment || segment.first !== after + 1 || segment.last > until) return
    yield await chunkOf(segment, found.body?.result)
    after = segment.last
  }
}

/** A stored chunk, verified. */
export async function chunkOf(segment: SegmentRecord, bytes: Uint8Array<ArrayBuffer> | undefined): Promise<Chunk> {
  const chunk = bytes && openChunk(bytes)
  if (chunk?.header.checksum !== segment.checksum) throw new CorruptLog(segment.first)
  return chunk
}

/** Records in the portions that sealing makes. */
async function* inChunks(
  batches: AsyncIterable<readonly CommitRecord[]>,
  until: number,
): AsyncGenerator<CommitRecord[], void> {
  let records: CommitRecord[] = []
  let characters = 0
  for await (const batch of batches)
    for (const record of batch) {
      // Appended since.
      if (record.last > until) break
      records.push(record)
      characters += record.body.length
      if (record.last - (records[0]?.first ?? 0) + 1 < SEGMENT_EVENTS && characters < SEGMENT_CHARACTERS) continue
      yield records
      records = []
      characters = 0
    }
  if (records.length) yield records
}

/** What an archived log stands on: rows, and the command ids and types of the events that are gone. */
export async function* basesOf(database: Database, log: LogIdentity, base: number): AsyncGenerator<Chunk, void> {
  const header = { log: log.id, lineage: log.lineage, first: 1, last: base, kind: 'base' } as const
  const types: IDBRequest<{ type: string; version: number }[]> = await database.transact(
    ['types'],
    'readonly',
    (store) => store('types').getAll(),
  )
  for (let after: IDBValidKey | undefined; ; ) {
    const entries: [IDBValidKey, CommandEntry][] = []
    let read = 0
    await database.transact(['commands'], 'readonly', (store) => {
      const cursor = store('commands').openCursor(after === undefined ? null : IDBKeyRange.lowerBound(after, true))
      cursor.onsuccess = () => {
        if (!cursor.result) return
        after = cursor.result.key
        if (cursor.result.value.sequence <= base) entries.push([after, cursor.result.value])
        if (++read < COMMANDS) cursor.result.continue()
      }
    })
    const lines = [
      { commands: entries.length, types: types.result.map(({ type, version }) => [type, version]) },
      ...entries,
    ]
    yield makeChunk(
      header,
      lines.map((line) => `${JSON.stringify(line)}\n`),
    )
    if (read < COMMANDS) break
  }
  const keys = await database.transact(['bases'], 'readonly', (store) => store('bases').getAllKeys())
  for (const key of keys.result) {
    const found = await database.transact(['bases', 'bodies'], 'readonly', (store) => {
      const found: { base: IDBRequest<SegmentRecord>; body?: IDBRequest<Uint8Array<ArrayBuffer>> } = {
        base: store('bases').get(key),
      }
      found.base.onsuccess = () => {
        found.body = store('bodies').get(found.base.result.body)
      }
      return found
    })
    yield await chunkOf(found.base.result, found.body?.result)
  }
}
