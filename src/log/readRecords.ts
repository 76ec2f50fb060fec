import { CorruptLog } from '../errors.ts'
import { type CommitRecord, isCommit } from './commit.ts'
import { above, commitNow, type Database, loaded, type StoreOf } from './database.ts'
import type { SegmentRecord } from './stores.ts'

/** The number of events that a batch aims at. A batch has at least one record. */
const BATCH_EVENTS = 4096
/** The number of records of the first read, and of the largest one. */
const FIRST_READ_RECORDS = 64
const MOST_READ_RECORDS = 1024

/** Finds the first sequence of the record that contains `sequence`, and calls `tell` with it inside the transaction. */
export type FindRecord = (store: StoreOf, sequence: number, tell: (first: number) => void) => void

/** A sealed segment: its last event, and its commits after the sequence that was asked for, in parts. */
export interface Segment {
  readonly last: number
  readonly parts: AsyncIterable<readonly CommitRecord[]>
}

/** Reads the segment that holds the first event after `after`; undefined if none does. */
export type ReadSegment = (database: Database, after: number) => Promise<Segment | undefined>

/**
 * Yields batches of whole records, from `after` to the end of the log. At a hole, yields the records before it and then throws CorruptLog,
 * so a reader that stops before the hole does not fail. Give `find` unless a record ends at `after`: the first batch then begins with the
 * record that contains `after + 1`. Calls `readSegment` only if the log is sealed beyond `after`, because a page loads that code later.
 * Calls `onLastBatch` before a batch that is known to be the last.
 */
export async function* readRecords(
  readSegment: ReadSegment,
  database: Database,
  after: number,
  signal?: AbortSignal,
  find?: FindRecord,
  onLastBatch?: () => void,
): AsyncGenerator<readonly CommitRecord[], void> {
  let at = after
  /** Only the first record may begin at or before `after`. */
  let within = find
  let count = FIRST_READ_RECORDS
  /** The first look for commits finds a segment, too: most readers continue from their head, after all segments. */
  let mayBeSealed = false

  /** The leading records that continue where the last ones ended. */
  const contiguous = (records: readonly CommitRecord[]): readonly CommitRecord[] => {
    const hole = records.findIndex((record) => {
      const follows = isCommit(record) && (within ? record.first <= at + 1 : record.first === at + 1)
      if (follows) {
        at = record.last
        within = undefined
      }
      return !follows
    })
    return hole < 0 ? records : records.slice(0, hole)
  }

  for (;;) {
    while (mayBeSealed) {
      signal?.throwIfAborted()
      const segment = await readSegment(database, at)
      if (!segment) break
      // Decompression is asynchronous, so it happens outside the transaction.
      for await (const records of segment.parts) {
        // Nothing continues a hole, so the parts after one are empty.
        const whole = contiguous(records)
        if (whole.length) yield whole
      }
      if (at < segment.last) throw new CorruptLog(at + 1)
    }
    mayBeSealed = false
    while (!mayBeSealed) {
      signal?.throwIfAborted()
      const { segment, commits } = await commitsAbove(database, at, count, within)
      if (segment.result) {
        mayBeSealed = true
        break
      }
      // In Chromium, a transaction with an explicit commit may complete before a large value is loaded.
      if (commits?.readyState === 'pending' && !(await loaded(database, commits))) continue
      const records = commits?.result ?? []
      const from = at
      const whole = contiguous(records)
      if (records.length < count) onLastBatch?.()
      // The record that contains `after` may end there.
      if (at > from) yield whole
      if (whole !== records) throw new CorruptLog(at + 1)
      // Stops at the end that this transaction saw: otherwise a tab that writes all the time would keep the reader reading.
      if (records.length < count) return
      count = Math.min(MOST_READ_RECORDS, Math.ceil(count * Math.min(4, BATCH_EVENTS / (at - from))))
    }
  }
}

/** Reads segments and commits in one transaction: a seal between two transactions would look like a hole (rule 8). */
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
      // Does not wait for the answers: a tab that is frozen with an open transaction would keep others from writing.
      commitNow(transaction)
    }
    return segment
  })
  return { segment, commits }
}
