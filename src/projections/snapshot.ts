import { type CommitRecord, isCommit } from '../log/commit.ts'
import type { Database, LogIdentity } from '../log/database.ts'
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
  /** The sequence that the tail follows. */
  readonly from: number
  readonly types: readonly { readonly type: string; readonly version: number }[]
  /** The checkpoint of every fold that has one; its rows are loaded. */
  readonly checkpoints: ReadonlyMap<string, Checkpoint>
  /** The first commits behind the lowest checkpoint. */
  readonly tail: readonly CommitRecord[]
  /** There is more than the tail. */
  readonly behind: boolean
  /** Identities whose pages or checkpoint were no snapshot; what they hold is derived again from the log. */
  readonly discarded: readonly string[]
}

export const pagesOf = (identity: string, build: string): IDBKeyRange =>
  IDBKeyRange.bound([identity, build], [identity, build, []])

/**
 * Checkpoints, pages, types and a bounded tail in one read transaction (rule 17), loaded into empty folds. The number
 * of requests depends on the folds alone; no commit or segment at or below the lowest checkpoint is read.
 */
export async function readSnapshot({ transact }: Database, folds: readonly Fold[]): Promise<Snapshot> {
  const found = await transact(
    ['meta', 'types', 'checkpoints', 'pages', 'segments', 'commits'],
    'readonly',
    (store) => {
      const log: IDBRequest<LogIdentity> = store('meta').get('log')
      const builds: IDBRequest<Record<string, string> | undefined> = store('meta').get('builds')
      const types: IDBRequest<{ type: string; version: number }[]> = store('types').getAll()
      const all: IDBRequest<Checkpoint[]> = store('checkpoints').getAll()
      const checkpoints = new Map<string, Checkpoint>()
      const pages = new Map<Fold, IDBRequest<Page[]>>()
      const rest: { from: number; tail?: IDBRequest<CommitRecord[]>; segment?: IDBRequest } = { from: 0 }
      all.onsuccess = () => {
        for (const fold of folds) {
          const build = builds.result?.[fold.identity] ?? ''
          const checkpoint = all.result.find((stored) => stored?.identity === fold.identity && stored.build === build)
          if (!checkpoint) continue
          checkpoints.set(fold.identity, checkpoint)
          pages.set(fold, store('pages').getAll(pagesOf(fold.identity, build)))
        }
        rest.from = lowest(folds, checkpoints)
        if (!folds.length) {
          // Nothing to fold: the head is all there is to know.
          const commit = store('commits').openCursor(null, 'prev')
          const segment = store('segments').openKeyCursor(null, 'prev')
          segment.onsuccess = () => {
            const sealed = (segment.result?.key as number | undefined) ?? 0
            const { first, last }: CommitRecord = commit.result?.value ?? { first: 0 }
            rest.from = first > sealed ? last : sealed
          }
          return
        }
        const above = IDBKeyRange.lowerBound(rest.from + 1)
        rest.tail = store('commits').getAll(above, TAIL_COMMITS + 1)
        rest.segment = store('segments').getKey(above)
      }
      return { log, types, checkpoints, pages, rest }
    },
  )
  const { checkpoints, pages, rest } = found
  const discarded: string[] = []
  for (const [fold, { result }] of pages) {
    if (load(fold, checkpoints.get(fold.identity) as Checkpoint, result)) continue
    fold.clear()
    checkpoints.delete(fold.identity)
    discarded.push(fold.identity)
  }
  const tail = rest.tail?.result ?? []
  const behind = discarded.length > 0 || rest.segment?.result !== undefined
  return {
    log: found.log.result,
    from: discarded.length ? lowest(folds, checkpoints) : rest.from,
    types: found.types.result,
    checkpoints,
    tail: behind ? [] : tail.slice(0, TAIL_COMMITS).filter(isCommit),
    behind: behind || tail.length > TAIL_COMMITS,
    discarded,
  }
}

/** Where the log has to be read from; what a failure ended counts no more (rule 11). */
function lowest(folds: readonly Fold[], checkpoints: ReadonlyMap<string, Checkpoint>): number {
  const stored = folds.map(({ identity }) => checkpoints.get(identity))
  const live = stored.filter((checkpoint) => !checkpoint?.failed)
  const sequences = (live.length ? live : stored).map((checkpoint) => checkpoint?.sequence ?? 0)
  return live.length ? Math.min(...sequences) : Math.max(0, ...sequences)
}

function load(fold: Fold, { sequence, next, rows, build }: Checkpoint, pages: readonly Page[]): boolean {
  let count = 0
  try {
    for (const { page, rows, at } of pages) {
      fold.load(rows, at ? (i) => page * PAGE_ROWS + (at[i] as number) : (i) => page * PAGE_ROWS + i)
      count += rows.length
    }
  } catch {
    return false
  }
  fold.next = next
  fold.sequence = sequence
  return (
    count === rows &&
    Number.isSafeInteger(sequence) &&
    (next >= rows || fold.definition.into.kind === 'value') &&
    typeof build === 'string'
  )
}
