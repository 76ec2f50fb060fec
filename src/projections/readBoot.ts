import { type CommitRecord, isCommit } from '../log/commit.ts'
import { above, type Database } from '../log/database.ts'
import { isShared, type LocalRecord, type Marker } from '../log/local.ts'
import type { Fold } from '../model/fold.ts'
import { warnOfChange } from './code.ts'
import { type OpenSnapshot, readSnapshot, type Snapshot } from './snapshot.ts'

/** Commits that boot reads together with the pages. Catch-up reads the rest. */
const TAIL_COMMITS = 256

export interface Boot extends OpenSnapshot {
  /** The lowest checkpoint. Without folds, the end of the log. */
  readonly from: number
  /** The first commits after the lowest checkpoint. */
  readonly tail: readonly CommitRecord[]
  /** There may be more commits after the tail. */
  readonly behind: boolean
  /** The outbox of a log with a remote. */
  readonly outbox: readonly (LocalRecord | Marker)[] | undefined
}

/**
 * Reads the snapshot and a bounded tail in one read transaction (rule 17), and loads the stored rows into `folds`. The
 * number of requests depends only on the number of folds. No commit or segment at or below the lowest checkpoint is
 * read. `open` reads the snapshot: `readSnapshot`, or `openSnapshot` if a page can't be read.
 */
export async function readBoot(
  database: Database,
  folds: readonly Fold[],
  open: (...given: Parameters<typeof readSnapshot>) => Promise<OpenSnapshot> = readSnapshot,
): Promise<Boot> {
  let tail: IDBRequest<CommitRecord[]> | undefined
  let newest: IDBRequest<IDBCursorWithValue | null> | undefined
  let outbox: IDBRequest<(LocalRecord | Marker)[]> | undefined
  let end = 0
  let behind = false
  const snapshot = await open(database, folds, (store, checkpoints, sealed, log) => {
    end = sealed
    if (isShared(log)) outbox = store('outbox').getAll(IDBKeyRange.lowerBound(0))
    // Without folds only the head of the log is needed.
    if (!folds.length) {
      newest = store('commits').openCursor(null, 'prev')
      return
    }
    const from = lowest(folds, checkpoints)
    tail = store('commits').getAll(above(from), TAIL_COMMITS)
    behind = sealed > from
  })
  if (__DEV__) {
    for (const fold of folds) {
      const checkpoint = snapshot.checkpoints.get(fold.identity)
      if (checkpoint) warnOfChange(fold, checkpoint)
    }
  }
  behind ||= snapshot.discarded.length > 0
  const commits = (!behind && tail?.result) || []
  // If a record is not a commit, the tail is dropped: `catchUp` reads it again and reports it.
  const sound = commits.every(isCommit)
  return {
    ...snapshot,
    from: folds.length ? lowest(folds, snapshot.checkpoints) : Math.max(end, newest?.result?.value?.last ?? 0),
    tail: sound ? commits : [],
    behind: behind || !sound || commits.length === TAIL_COMMITS,
    outbox: outbox?.result,
  }
}

/** The lowest checkpoint, from which the log is read. Failed projections count only if all have failed (rule 11). */
function lowest(folds: readonly Fold[], checkpoints: Snapshot['checkpoints']): number {
  let low = Infinity
  let most = 0
  for (const { identity } of folds) {
    const { sequence, failed } = checkpoints.get(identity) ?? {}
    const at = Number(sequence) || 0
    most = Math.max(most, at)
    if (!failed) low = Math.min(low, at)
  }
  return Math.min(low, most)
}
