import { type Chunk, makeChunk, packChunk } from '../log/chunk.ts'
import type { CommandEntry, CommitRecord } from '../log/commit.ts'
import { above, type Database, type LogIdentity } from '../log/database.ts'
import { headOf } from '../log/head.ts'
import { readAfter } from '../log/read.ts'
import { SEGMENT_CHARACTERS, SEGMENT_EVENTS } from '../log/seal.ts'
import { readRecordWithBody } from '../log/sealed.ts'
import { stringify } from '../model/json.ts'

/** The most command ids in one chunk. */
const COMMANDS = 16_384

/**
 * The whole log up to its head at the call: the base of an archived log, sealed segments as they are, the packed tail,
 * and an end with the range. Keeps one chunk in memory at a time.
 */
export async function* exportChunks(database: Database, signal?: AbortSignal): AsyncGenerator<Chunk, void> {
  const log = database.log!
  const until = await headOf(database)
  const base = log.base ?? 0
  if (base) yield* basesOf(database, log, base)
  let last: Chunk | undefined
  for await (const chunk of segmentsAfter(database, base, until)) {
    signal?.throwIfAborted()
    last = chunk
    yield chunk
  }
  const tail = readAfter(database, last?.header.last ?? base, signal)
  for await (const records of inPortions(tail, until)) {
    last = await packChunk(log, records)
    yield last
  }
  yield endOf(last?.header ?? { log: log.id, lineage: log.lineage, last: base }, base + 1)
}

/** The last chunk of a file: without it the file was cut. */
export const endOf = (
  { log, lineage, last }: Pick<Chunk['header'], 'log' | 'lineage' | 'last'>,
  first: number,
): Promise<Chunk> => makeChunk({ log, lineage, first, last, kind: 'end' }, [])

/** Sealed segments as they are, as long as each begins where the last one ended. */
export async function* segmentsAfter(database: Database, after: number, until: number): AsyncGenerator<Chunk, void> {
  for (let at = after; ; ) {
    const found = await readRecordWithBody(database, 'segments', above(at))
    // A segment that reaches beyond `until` was sealed meanwhile. The caller reads its events as the tail.
    if (found?.record.first !== at + 1 || found.record.last > until) return
    yield found.chunk
    at = found.record.last
  }
}

/** Groups records into portions of the size of a segment, so that each fits into a chunk. Leaves out records after `until`. */
export async function* inPortions(
  batches: AsyncIterable<readonly CommitRecord[]>,
  until: number,
): AsyncGenerator<CommitRecord[], void> {
  let records: CommitRecord[] = []
  let characters = 0
  for await (const batch of batches)
    for (const record of batch) {
      // The record was appended after the call.
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

/** The base of an archived log: rows, and the command ids and types of the events that were moved out. */
export async function* basesOf(database: Database, log: LogIdentity, base: number): AsyncGenerator<Chunk, void> {
  const header = { log: log.id, lineage: log.lineage, first: 1, last: base, kind: 'base' } as const
  const types = await database.transact(['types'], 'readonly', (store) => store('types').getAll())
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
      lines.map((line) => `${stringify(line)}\n`),
    )
    if (read < COMMANDS) break
  }
  const keys = await database.transact(['bases'], 'readonly', (store) => store('bases').getAllKeys())
  for (const key of keys.result) {
    const found = await readRecordWithBody(database, 'bases', key)
    if (found) yield found.chunk
  }
}
