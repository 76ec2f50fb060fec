import { StorageError } from '../errors.ts'
import {
  type Database,
  hasNewerStores,
  type LogIdentity,
  numberKeyOf,
  type StoreName,
  type StoreOf,
} from '../log/database.ts'
import type { Checkpoint, Page, StoredType } from '../log/stores.ts'
import type { Fold } from '../model/fold.ts'

/** Rows to a page: the number of records is the cost of a snapshot, not the bytes. A row's page is its insertion number ÷ this. */
export const PAGE_ROWS = 512

/** What names one build of one projection's rows. */
export type BuildKey = Pick<Checkpoint, 'identity' | 'build'>

export interface Snapshot {
  readonly log: LogIdentity
  readonly types: readonly StoredType[]
  /** The checkpoint of every fold that has one; its rows are loaded. */
  readonly checkpoints: ReadonlyMap<string, Checkpoint>
  /** The build that tabs read, where a rebuild has swapped one in. */
  readonly builds: Readonly<Record<string, string>> | undefined
  /** What was no snapshot; it is folded again from the log. */
  readonly discarded: readonly Checkpoint[]
}

/** A snapshot whose discarded builds may have no readable checkpoint. */
export interface OpenSnapshot extends Omit<Snapshot, 'discarded'> {
  readonly discarded: readonly BuildKey[]
}

export const pagesOf = (identity: string, build: string): IDBKeyRange =>
  IDBKeyRange.bound([identity, build], [identity, build, []])

/** The transaction was refused for what it read, and not because its connection went. */
export const mayBeLost = (error: unknown): boolean => error instanceof StorageError && error.kind === 'aborted'

/**
 * Checkpoints, pages and types in one read transaction, loaded into empty folds. `more` may queue requests that depend
 * on the checkpoints; it is told where sealed commits end, and which log it is. No commit or segment is read. If it rejects, folds may
 * hold rows: the next call empties them.
 */
export async function readSnapshot(
  database: Database,
  folds: readonly Fold[],
  besides?: (
    store: StoreOf,
    checkpoints: Snapshot['checkpoints'],
    sealed: number,
    log: LogIdentity | undefined,
  ) => void,
): Promise<Snapshot> {
  const checkpoints = new Map<string, Checkpoint>()
  const discarded: Checkpoint[] = []
  const stores: StoreName[] = ['meta', 'types', 'checkpoints', 'pages', 'segments', 'commits']
  // A database without this store is that of a log without a remote.
  if (hasNewerStores(database)) stores.push('outbox')

  function take(fold: Fold, checkpoint: Checkpoint, pages: readonly Page[]): void {
    if (loadPages(fold, checkpoint, pages)) return
    fold.clear()
    checkpoints.delete(fold.identity)
    discarded.push(checkpoint)
  }

  const [log, types, builds] = await database.transact(stores, 'readonly', (store) => {
    // If the connection was lost, another one reads all of it again.
    for (const fold of folds) fold.clear()
    checkpoints.clear()
    discarded.length = 0
    const builds = store('meta').get('builds')
    const log = store('meta').get('log')
    // Keys only: no record at or below a checkpoint is read.
    const commit = store('commits').openKeyCursor(null, 'prev')
    const segment = store('segments').openKeyCursor(null, 'prev')
    const all = store('checkpoints').getAll()
    all.onsuccess = () => {
      for (const fold of folds) {
        const { identity } = fold
        const build = builds.result?.[identity] ?? ''
        const checkpoint = all.result.find((one) => one?.identity === identity && one.build === build)
        if (!checkpoint) continue
        // A log that was shortened: what these rows were folded from is gone.
        if (Math.max(numberKeyOf(commit), numberKeyOf(segment)) < checkpoint.first) discarded.push(checkpoint)
        else {
          checkpoints.set(identity, checkpoint)
          const pages = store('pages').getAll(pagesOf(identity, build))
          // Rows are made of one table while the browser reads the next one.
          pages.onsuccess = () => take(fold, checkpoint, pages.result)
        }
      }
      besides?.(store, checkpoints, numberKeyOf(segment), log.result)
    }
    return [log, store('types').getAll(), builds] as const
  })
  return { log: log.result!, types: types.result, checkpoints, builds: builds.result, discarded }
}

/** Puts persisted rows into an empty fold; false where they are not what the checkpoint says. */
export function loadPages(fold: Fold, { sequence, next, rows }: Checkpoint, pages: readonly Page[]): boolean {
  let count = 0
  try {
    for (const { page, rows, at } of pages) {
      fold.load(rows, (i) => page * PAGE_ROWS + (at?.[i] ?? i))
      count += rows.length
    }
    fold.next = next
    fold.sequence = sequence
    return count === rows && Number.isSafeInteger(sequence + next)
  } catch {
    return false
  }
}
