import { CorruptLog } from '../errors.ts'
import { unpack } from './chunk.ts'
import { type CommitRecord, isCommit } from './commit.ts'
import { above, commitNow, type Database, loaded, type StoreOf } from './database.ts'
import { readRecordWithBody } from './sealed.ts'
import type { SegmentRecord } from './stores.ts'

/** Events that one batch aims at; a batch is never less than one record. */
const BATCH = 4096
/** Records that are read at once: at first, and at most. */
const FIRST_RECORDS = 64
const MOST_RECORDS = 1024

/** Finds where the record that contains `sequence` starts, and tells it inside the transaction. */
export type FindRecord = (store: StoreOf, sequence: number, tell: (first: number) => void) => void

/**
 * Batches of whole records behind `after` to the log's end. Throws CorruptLog at a hole. A record ends at `after`, or
 * `find` is given: then the first one is that which contains `after + 1`.
 */
export async function* readAfter(
  database: Database,
  after: number,
  signal?: AbortSignal,
  find?: FindRecord,
): AsyncGenerator<readonly CommitRecord[], void> {
  let at = after
  /** Only the first record may begin before what was asked for. */
  let within = find
  let count = FIRST_RECORDS
  /** A reader at its head mostly finds commits, so it asks for those first. */
  let mayBeSealed = !after || find !== undefined

  /** Checks that these records go on where the last ones ended. */
  const follow = (records: readonly CommitRecord[]): void => {
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
      const found = await readRecordWithBody(database, 'segments', above(at))
      if (!found) break
      // Decompression is asynchronous, so it happens outside the transaction.
      for await (const records of unpack(at, found.chunk)) {
        follow(records)
        yield records
      }
      if (at < found.record.last) throw new CorruptLog(at + 1)
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
      follow(records)
      // The record that contains `after` may end there.
      if (at > from) yield records
      // This transaction saw the end: a tab that writes back to back must not keep a reader reading.
      if (records.length < count || at === from) return
      count = Math.min(MOST_RECORDS, Math.ceil(count * Math.min(4, BATCH / (at - from))))
    }
  }
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
