import { CorruptLog } from '../errors.ts'
import { type CommitRecord, isCommit } from './commit.ts'
import { above, commitNow, type Database, loaded, type StoreOf } from './database.ts'
import type { SegmentRecord } from './stores.ts'

/** Events that one batch aims at; a batch is never less than one record. */
const BATCH_EVENTS = 4096
/** Records that are read at once: at first, and at most. */
const FIRST_READ_RECORDS = 64
const MOST_READ_RECORDS = 1024

/** Finds where the record that contains `sequence` starts, and tells it inside the transaction. */
export type FindRecord = (store: StoreOf, sequence: number, tell: (first: number) => void) => void

/** A sealed segment: its last event, and its commits behind the sequence that was asked for, in parts. */
export interface Segment {
  readonly last: number
  readonly parts: AsyncIterable<readonly CommitRecord[]>
}

/** Reads the segment that holds the first event behind `after`; undefined if none does. */
export type ReadSegment = (database: Database, after: number) => Promise<Segment | undefined>

/**
 * Batches of whole records behind `after` to the log's end. Throws CorruptLog at a hole. A record ends at `after`, or
 * `find` is given: then the first one is that which contains `after + 1`. `readSegment` is called only for a log that is
 * sealed behind `after`: a page loads its code later than the rest. `ends` is called before a batch that is known to be the last.
 */
export async function* follow(
  readSegment: ReadSegment,
  database: Database,
  after: number,
  signal?: AbortSignal,
  find?: FindRecord,
  ends?: () => void,
): AsyncGenerator<readonly CommitRecord[], void> {
  let at = after
  /** Only the first record may begin before what was asked for. */
  let within = find
  let count = FIRST_READ_RECORDS
  /** A reader at its head mostly finds commits, so it asks for those first. */
  let mayBeSealed = (!after || find !== undefined) && (await isSealed(database, after))

  /** Checks that these records go on where the last ones ended. */
  const check = (records: readonly CommitRecord[]): void => {
    for (const record of records) {
      const follows = isCommit(record) && (within ? record.first <= at + 1 : record.first === at + 1)
      if (!follows) throw new CorruptLog(at + 1)
      at = record.last
      within = undefined
    }
  }

  for (;;) {
    while (mayBeSealed) {
      signal?.throwIfAborted()
      const segment = await readSegment(database, at)
      if (!segment) break
      // Decompression is asynchronous, so it happens outside the transaction.
      for await (const records of segment.parts) {
        check(records)
        yield records
      }
      if (at < segment.last) throw new CorruptLog(at + 1)
    }
    mayBeSealed = false
    while (!mayBeSealed) {
      signal?.throwIfAborted()
      const { segment, commits } = await commitsAbove(database, at, count, within)
      if (segment.result !== undefined) {
        mayBeSealed = true
        break
      }
      // Chromium may call a transaction that was committed explicitly complete before it has loaded a large value.
      if (commits?.readyState === 'pending' && !(await loaded(database, commits))) continue
      const records = commits?.result ?? []
      const from = at
      check(records)
      // This transaction saw the end: a tab that writes back to back must not keep a reader reading.
      const isEnd = records.length < count || at === from
      if (isEnd) ends?.()
      // The record that contains `after` may end there.
      if (at > from) yield records
      if (isEnd) return
      count = Math.min(MOST_READ_RECORDS, Math.ceil(count * Math.min(4, BATCH_EVENTS / (at - from))))
    }
  }
}

async function isSealed({ transact }: Database, after: number): Promise<boolean> {
  const { result } = await transact(['segments'], 'readonly', (store) => store('segments').getKey(above(after)))
  return result !== undefined
}

/** Segments and commits in one transaction: between two, a seal would look like a hole (rule 8). */
async function commitsAbove(
  { transact }: Database,
  at: number,
  count: number,
  find: FindRecord | undefined,
): Promise<{ segment: IDBRequest<SegmentRecord | undefined>; commits: IDBRequest<CommitRecord[]> | undefined }> {
  let commits: IDBRequest<CommitRecord[]> | undefined
  const segment = await transact(['segments', 'commits'], 'readonly', (store, transaction) => {
    const segment = store('segments').get(above(at))
    const read = (first: number): void => {
      commits = store('commits').getAll(above(first - 1), count)
    }
    commits = undefined
    if (find) find(store, at + 1, read)
    else {
      read(at + 1)
      // Before any answer: a tab that is frozen while it catches up must not keep others from writing.
      commitNow(transaction)
    }
    return segment
  })
  return { segment, commits }
}
