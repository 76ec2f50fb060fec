import { CorruptLog } from '../errors.ts'
import { type CommitRecord, isCommit } from './commit.ts'
import { above, commitNow, type Database, type StoreOf } from './database.ts'

/** Events that one batch aims at; a batch is never less than one record. */
const BATCH = 4096

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
  let count = 64
  /** Where a segment is looked for before any commit is read. */
  let sealed: unknown = !after || find
  for (;;) {
    signal?.throwIfAborted()
    const from = after
    let body: IDBRequest | undefined
    let commits: IDBRequest<CommitRecord[]> | undefined
    // Segments and commits in one transaction: between two, a seal would look like a hole (rule 8).
    const segment = await database.transact(['segments', 'bodies', 'commits'], 'readonly', (store, transaction) => {
      body = commits = undefined
      const segment = store('segments').get(above(from))
      const read = (first: number): void => {
        commits = store('commits').getAll(above(first - 1), count)
      }
      if (sealed) {
        segment.onsuccess = () => {
          if (segment.result) body = store('bodies').get(segment.result.body)
          else if (find) find(store, from + 1, read)
          else read(from + 1)
        }
      } else {
        read(from + 1)
        // Before any answer: a tab that is frozen while it catches up must not keep others from writing.
        commitNow(transaction)
      }
      return segment
    })
    if (!sealed && (sealed = segment.result)) continue
    // Chromium may call a transaction that was committed explicitly complete before it has loaded a large value.
    if (commits?.readyState === 'pending' && !(await (await import('./reopen.ts')).loaded(database, commits))) continue
    // Decompression is asynchronous, so outside the transaction.
    let more: unknown = body
    for await (const records of body
      ? (await import('./chunk.ts')).unpack(from, segment.result, body.result, database.log)
      : [commits?.result ?? []]) {
      for (const record of records) {
        const follows = isCommit(record) && (find ? record.first <= after + 1 : record.first === after + 1)
        if (!follows) throw new CorruptLog(after + 1)
        after = record.last
        // Only the first may begin before.
        find = undefined
      }
      if (after > from) yield records
      more ||= records.length === count
    }
    // This transaction saw the end: who writes back to back must not keep a reader reading.
    if (!more || after === from) return
    // What a segment held says nothing of the commits behind it.
    if (commits) count = Math.min(1024, Math.ceil(count * Math.min(4, BATCH / (after - from))))
  }
}
