import { type CommitRecord, isCommit } from '../log/commit.ts'
import { above, type Database, keyOf, type LogIdentity } from '../log/database.ts'
import type { WireError } from '../log/wire.ts'
import type { Fold } from '../model/fold.ts'

/** Rows to a page: the number of records is the cost of a snapshot, not the bytes. A row's page is its insertion number ÷ this. */
export const PAGE_ROWS = 512
/** Commits that boot reads with the pages; what lies further is catch-up. */
const TAIL_COMMITS = 256

/** Under [identity, build]. Written in the transaction of its pages, so that rows and sequence can't part. */
export interface Checkpoint {
  readonly identity: string
  /** '' until a rebuild: pages of a rebuild stand under an id of its own and are swapped in by one write. */
  readonly build: string
  readonly sequence: number
  /** Where the commit that ends at `sequence` begins: without it, the log is another than the one that was folded. */
  readonly first: number
  /** The insertion counter. */
  readonly next: number
  readonly rows: number
  readonly failed?: { readonly sequence: number; readonly error: WireError }
}

/** Under [identity, build, page]: rows by insertion number; `at` are their places in the page where it has gaps. */
export interface Page {
  readonly page: number
  readonly rows: readonly unknown[]
  readonly at?: Uint16Array
}

export interface Snapshot {
  readonly log: LogIdentity
  readonly types: readonly { readonly type: string; readonly version: number }[]
  /** The checkpoint of every fold that has one; its rows are loaded. */
  readonly checkpoints: ReadonlyMap<string, Checkpoint>
  /** The lowest checkpoint, and the first commits behind it. */
  readonly from: number
  readonly tail: readonly CommitRecord[]
  /** There is more than the tail. */
  readonly behind: boolean
  /** What was no snapshot; it is folded again from the log. */
  readonly discarded: readonly Checkpoint[]
}

export const pagesOf = (identity: string, build: string): IDBKeyRange =>
  IDBKeyRange.bound([identity, build], [identity, build, []])

/**
 * Checkpoints, pages, types and a bounded tail in one read transaction (rule 17), loaded into empty folds. The number
 * of requests depends on the folds alone; no commit or segment at or below the lowest checkpoint is read.
 */
export async function readSnapshot({ transact }: Database, folds: readonly Fold[]): Promise<Snapshot> {
  const checkpoints = new Map<string, Checkpoint>()
  const pages = new Map<Fold, IDBRequest<Page[]>>()
  const discarded: Checkpoint[] = []
  let from = 0
  let tail: IDBRequest<CommitRecord[]> | undefined
  let sealed = false
  const [log, types] = await transact(
    ['meta', 'types', 'checkpoints', 'pages', 'segments', 'commits'],
    'readonly',
    (store) => {
      const builds = store('meta').get('builds')
      // Keys only: no record at or below a checkpoint is read.
      const commit = store('commits').openKeyCursor(null, 'prev')
      const segment = store('segments').openKeyCursor(null, 'prev')
      const all: IDBRequest<Checkpoint[]> = store('checkpoints').getAll()
      all.onsuccess = () => {
        for (const fold of folds) {
          const { identity } = fold
          const build = builds.result?.[identity] ?? ''
          const checkpoint = all.result.find((one) => one?.identity === identity && one.build === build)
          if (!checkpoint) continue
          // A log that was shortened: what these rows were folded from is gone.
          if (Math.max(keyOf(commit), keyOf(segment)) < checkpoint.first) discarded.push(checkpoint)
          else {
            checkpoints.set(identity, checkpoint)
            pages.set(fold, store('pages').getAll(pagesOf(identity, build)))
          }
        }
        from = lowest(folds, checkpoints)
        tail = store('commits').getAll(above(from), TAIL_COMMITS)
        sealed = keyOf(segment) > from
      }
      return [
        store('meta').get('log') as IDBRequest<LogIdentity>,
        store('types').getAll() as IDBRequest<{ type: string; version: number }[]>,
      ] as const
    },
  )
  for (const [fold, { result }] of pages) {
    const checkpoint = checkpoints.get(fold.identity) as Checkpoint
    if (loadPages(fold, checkpoint, result)) continue
    fold.clear()
    checkpoints.delete(fold.identity)
    discarded.push(checkpoint)
  }
  const unread = discarded.length > 0 || sealed
  const commits = tail?.result ?? []
  return {
    log: log.result,
    types: types.result,
    checkpoints,
    from: lowest(folds, checkpoints),
    tail: unread ? [] : commits,
    behind: unread || commits.length === TAIL_COMMITS || !commits.every(isCommit),
    discarded,
  }
}

/** Where the log has to be read from; a failed projection counts only where there is no other (rule 11). */
function lowest(folds: readonly Fold[], checkpoints: ReadonlyMap<string, Checkpoint>): number {
  const all = folds.map(({ identity }) => checkpoints.get(identity))
  const live = all.filter((checkpoint) => !checkpoint?.failed)
  const sequences = (live.length ? live : all).map((checkpoint) => Number(checkpoint?.sequence) || 0)
  return live.length ? Math.min(...sequences) : Math.max(0, ...sequences)
}

/** Puts persisted rows into an empty fold; false where they are not what the checkpoint says. */
export function loadPages(fold: Fold, { sequence, next, rows }: Checkpoint, pages: readonly Page[]): boolean {
  let count = 0
  try {
    for (const { page, rows, at } of pages) {
      fold.load(rows, (i) => page * PAGE_ROWS + (at?.[i] ?? i))
      count += rows.length
    }
  } catch {
    return false
  }
  fold.next = next
  fold.sequence = sequence
  return count === rows && Number.isSafeInteger(sequence) && Number.isSafeInteger(next)
}
