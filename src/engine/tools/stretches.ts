import { asError } from '../../caught.ts'
import { CorruptLog } from '../../errors.ts'
import { unpackChunk } from '../../log/chunk.ts'
import { type CommitRecord, commandsOf, isCommit } from '../../log/commit.ts'
import { above, type Database, numberKeyOf } from '../../log/database.ts'
import { queueBody, sealedChunk } from '../../log/sealed.ts'
import type { SegmentRecord } from '../../log/stores.ts'
import type { Core } from '../core.ts'

/** The most events that are not sealed yet and are read at once. */
export const WINDOW_EVENTS = 512

/** A part of the log: a record, or a range that can't be read, with the error. */
export type Stretch = { readonly first: number; readonly last: number } & (
  | { readonly record: CommitRecord; readonly error?: undefined }
  | { readonly record?: undefined; readonly error: Error }
)

/**
 * The stretches around one event, ascending and without a gap. Other readers refuse a log with a damaged record, as they must. This one is for
 * tools that show what can still be read. It reads unsealed events only behind `after`. Rejects only if the storage itself fails.
 */
export async function stretchesAround(core: Core, sequence: number, after = 0): Promise<readonly Stretch[]> {
  const { database, log, head } = core
  if (!database) return inMemory(log, sequence)
  const { result: segment } = await database.transact(['segments'], 'readonly', (store) =>
    store('segments').get(above(sequence - 1)),
  )
  if (segment && segment.first > sequence)
    return [{ first: sequence, last: segment.first - 1, error: new CorruptLog(sequence) }]
  if (segment) return ofSegment(database, segment)
  return unsealed(database, sequence, head, after)
}

async function inMemory(log: Core['log'], sequence: number): Promise<readonly Stretch[]> {
  for await (const records of log.readAfter(sequence - 1)) return records.slice(0, WINDOW_EVENTS).map(stretchOf)
  return []
}

const stretchOf = (record: CommitRecord): Stretch => ({ first: record.first, last: record.last, record })

async function ofSegment(database: Database, segment: SegmentRecord): Promise<readonly Stretch[]> {
  const { first, last, body } = segment
  const stretches: Stretch[] = []
  try {
    const stored = await database.transact(['bodies'], 'readonly', (store) => queueBody(store, body))
    // The checksum fits, so a record that is wrong was wrong when it was sealed.
    for await (const records of unpackChunk(first - 1, await sealedChunk(database, segment, stored)))
      for (const record of records) add(stretches, record, first, true)
  } catch (error) {
    const from = (stretches.at(-1)?.last ?? first - 1) + 1
    if (from <= last) stretches.push({ first: from, last, error: asError(error) })
  }
  return stretches
}

async function unsealed(
  database: Database,
  sequence: number,
  head: number,
  after: number,
): Promise<readonly Stretch[]> {
  const from = Math.max(sequence - (sequence % WINDOW_EVENTS), after + 1)
  // An engine that is outdated or behind has a lower head than its log.
  const to = Math.min(Math.max(head, sequence), from + WINDOW_EVENTS - 1)
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
    // A record that begins under the seal is not part of the log.
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
