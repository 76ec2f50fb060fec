import { StorageError } from '../errors.ts'
import { type Database, type LogIdentity, numberKeyOf, type StoreName, type StoreOf } from '../log/database.ts'
import type { Checkpoint, Page, StoredType } from '../log/stores.ts'
import type { Fold } from '../model/fold.ts'

/**
 * Rows per page. A row's page is its insertion number ÷ this. Rows are packed because the cost of a snapshot depends on
 * the number of its records more than on their bytes.
 */
export const PAGE_ROWS = 512

/**
 * The key of one build of one projection's rows. The first build is named ''. A rebuild writes a second one beside it,
 * and then makes it the one that tabs read.
 */
export type BuildKey = Pick<Checkpoint, 'identity' | 'build'>

export interface Snapshot {
  readonly log: LogIdentity
  readonly types: readonly StoredType[]
  /** The checkpoint of every fold that has one; its rows are loaded. */
  readonly checkpoints: ReadonlyMap<string, Checkpoint>
  /** By identity, the build that tabs read. An identity is missing if no rebuild has swapped a build in. */
  readonly builds: Readonly<Record<string, string>> | undefined
  /** Checkpoints whose pages can't be used. Their projections are folded again from the log. */
  readonly discarded: readonly Checkpoint[]
}

/** A snapshot whose discarded builds may have no readable checkpoint. */
export interface OpenSnapshot extends Omit<Snapshot, 'discarded'> {
  readonly discarded: readonly BuildKey[]
}

export const pagesOf = (identity: string, build: string): IDBKeyRange =>
  IDBKeyRange.bound([identity, build], [identity, build, []])

/**
 * Whether an error may mean that a stored value is lost: the transaction failed because of what it read, and not
 * because its connection was closed.
 */
export const mayBeLost = (error: unknown): boolean => error instanceof StorageError && error.kind === 'aborted'

/**
 * Reads checkpoints, pages and types in one read transaction, and loads the pages into empty folds. `besides` may queue
 * requests that depend on the checkpoints; it also gets the last sealed sequence and the log's identity. No commit or
 * segment is read. If this rejects, folds may hold rows, which the next call removes.
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
  const stores: StoreName[] = ['meta', 'types', 'checkpoints', 'pages', 'segments', 'commits']
  // A database without this store belongs to a log without a remote.
  if (database.hasNewer) stores.push('outbox')

  return new Promise((resolve, reject) => {
    let isRead = false
    const queue = (store: StoreOf): void => {
      // `transact` runs this again on a new connection if the first one was lost.
      if (isRead) return
      const checkpoints = new Map<string, Checkpoint>()
      const discarded: Checkpoint[] = []
      const builds = store('meta').get('builds')
      const log = store('meta').get('log')
      // Cursors over keys show where the log ends without reading a record.
      const commit = store('commits').openKeyCursor(null, 'prev')
      const segment = store('segments').openKeyCursor(null, 'prev')
      const all = store('checkpoints').getAll()
      // One table is loaded while the browser reads the next.
      const askPages = (fold: Fold, build: string): void => {
        const { identity } = fold
        const pages = store('pages').getAll(pagesOf(identity, build))
        pages.onsuccess = () => {
          const checkpoint = checkpoints.get(identity)
          if (checkpoint?.build !== build || loadPages(fold, checkpoint, pages.result)) return
          fold.clear()
          checkpoints.delete(identity)
          discarded.push(checkpoint)
        }
      }
      // Most pages belong to the build named '', so they are requested before the checkpoints are known. That saves a
      // round trip.
      for (const fold of folds) {
        fold.clear()
        askPages(fold, '')
      }
      all.onsuccess = () => {
        for (const fold of folds) {
          const { identity } = fold
          const build = builds.result?.[identity] ?? ''
          const checkpoint = all.result.find((one) => one?.identity === identity && one.build === build)
          if (!checkpoint) continue
          // The log ends before these rows, so the events that they were folded from are missing.
          if (Math.max(numberKeyOf(commit), numberKeyOf(segment)) < checkpoint.first) discarded.push(checkpoint)
          else {
            checkpoints.set(identity, checkpoint)
            if (build) askPages(fold, build)
          }
        }
        besides?.(store, checkpoints, numberKeyOf(segment), log.result)
        const types = store('types').getAll()
        // Requests finish in order, so all values are here. Nothing waits for the end of a transaction that only reads.
        types.onsuccess = () => {
          isRead = true
          resolve({ log: log.result!, types: types.result, checkpoints, builds: builds.result, discarded })
        }
      }
    }
    database.transact(stores, 'readonly', queue).catch(reject)
  })
}

/** Loads persisted rows into an empty fold. False if they do not match the checkpoint. */
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
