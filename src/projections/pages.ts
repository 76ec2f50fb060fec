import { ProjectionFailed, type StorageError } from '../errors.ts'
import { commitNow, type Database } from '../log/database.ts'
import type { Checkpoint, Page } from '../log/stores.ts'
import { toWire } from '../log/wire.ts'
import type { Slot } from '../model/fold.ts'
import { queuePast } from './past.ts'
import { PAGE_ROWS } from './snapshot.ts'
import type { Track } from './track.ts'
import { failureToClone } from './uncloneable.ts'

/**
 * Writes dirty pages and their checkpoints in one transaction and returns the identities it refused. It refuses a track
 * if another pipeline has moved its checkpoint or swapped its build, because the track no longer matches the stored
 * pages (rule 15). Returns undefined if nothing may be written for now. A projection whose rows can't be stored fails,
 * and the others are written.
 */
export async function writePages(
  database: Database,
  tracks: readonly Track[],
): Promise<ReadonlySet<string> | undefined> {
  // Each further attempt leaves out the rows of one more projection, so this loop ends.
  for (;;) {
    const attempt: PageWrite = { refused: new Set(), isHeld: false, unstorable: undefined }
    try {
      await writeTracks(database, tracks, attempt)
    } catch (error) {
      if (!attempt.unstorable) {
        // Only a StorageError has this kind.
        if ((error as StorageError).kind !== 'quota' || !tracks.some(({ kept }) => kept.length)) throw error
        // Rows of the past are only a cache. The pages may fit without them.
        for (const track of tracks) track.kept = []
        continue
      }
      const { track, cause } = attempt.unstorable
      failToStore(track, cause)
      continue
    }
    if (attempt.isHeld) return
    for (const track of tracks) {
      const { fold, dirty, index } = track
      if (attempt.refused.has(fold.identity)) continue
      track.stored = fold.sequence
      track.failed = fold.failed
      track.kept = []
      dirty.clear()
      index?.written()
    }
    return attempt.refused
  }
}

interface PageWrite {
  readonly refused: Set<string>
  isHeld: boolean
  /** A projection with a row that IndexedDB refuses. */
  unstorable: { readonly track: Track; readonly cause: unknown } | undefined
}

async function writeTracks({ transact, log }: Database, tracks: readonly Track[], attempt: PageWrite): Promise<void> {
  const writes = tracks.map(({ pages, dirty, index }) => ({
    rows: Array.from(dirty, (page) => [page, encode(page, pages.get(page)!)] as const),
    index: index?.pack() ?? [],
  }))
  await transact(['meta', 'checkpoints', 'pages', 'rowEvents'], 'readwrite', (store, transaction) => {
    const hold = store('meta').get('hold')
    const builds = store('meta').get('builds')
    const past = tracks.map((track) => queuePast(store, track, log?.lineage))
    const before = tracks.map(({ fold, build }) => store('checkpoints').get([fold.identity, build]))
    // Requests finish in order, so all are answered when the last one is.
    before.at(-1)!.onsuccess = () => {
      // After a quota error no page is written until an append has succeeded; then this write is the probe (rule 19).
      const isHeld = tracks.every(({ fold }) => fold.sequence <= (hold.result?.head ?? Number.NEGATIVE_INFINITY))
      attempt.isHeld = isHeld
      if (isHeld) return
      for (const [i, track] of tracks.entries()) {
        const { fold, build, live, stored } = track
        const { identity } = fold
        const swapped = live && (builds.result?.[identity] ?? '') !== build
        const result = before[i]?.result
        if (swapped || (result?.identity === identity ? result.sequence : undefined) !== stored) {
          attempt.refused.add(identity)
          continue
        }
        try {
          for (const [page, value] of writes[i]!.rows) {
            if (value) store('pages').put(value, [identity, build, page])
            else store('pages').delete([identity, build, page])
          }
        } catch (cause) {
          // The puts already queued for this projection can only be undone with the whole transaction.
          attempt.unstorable = { track, cause }
          transaction.abort()
          return
        }
        for (const [rest, value] of writes[i]!.index) store('rowEvents').put(value, [identity, build, ...rest])
        past[i]!()
        const checkpoint = checkpointOf(track, result)
        store('checkpoints').put(checkpoint, [identity, build])
      }
      if (hold.result) store('meta').delete('hold')
      commitNow(transaction)
    }
  })
}

/** The checkpoint to write. If the rows can't be stored, it keeps what `stored`, the last one, says about its pages. */
function checkpointOf(
  { fold, build, first, pages, latest, code, unstorable }: Track,
  stored: Checkpoint | undefined,
): Checkpoint {
  const { identity, failed, sequence, next } = fold
  let rows = 0
  for (const slots of pages.values()) rows += slots.size
  return {
    identity,
    build,
    first,
    sequence,
    next,
    rows,
    latest,
    ...(unstorable && stored),
    ...(failed && { failed: { sequence: failed.sequence, error: toWire(failed) } }),
    ...(code !== undefined && { code }),
  }
}

/** Fails a projection whose rows can't be stored and drops its rows from memory. The pages stored before are kept. */
function failToStore(track: Track, cause: unknown): void {
  const { fold, stored = 0, pages, dirty } = track
  const { name, sequence } = fold
  const rows = [...dirty].flatMap((page) => Array.from(pages.get(page) ?? [], ({ key, row }) => [key, row] as const))
  const failure = failureToClone(name, sequence, rows) ?? new ProjectionFailed(name, sequence, cause)
  fold.clear()
  fold.sequence = stored
  fold.failed = failure
  if (!stored) track.first = 0
  pages.clear()
  dirty.clear()
  track.kept = []
  track.index = undefined
  track.unstorable = true
}

/** undefined for a page without rows. */
function encode(page: number, slots: ReadonlySet<Slot>): Page | undefined {
  if (!slots.size) return
  const sorted = [...slots].sort((a, b) => a.n - b.n)
  const rows = sorted.map(({ row }) => row)
  const at = sorted.map(({ n }) => n - page * PAGE_ROWS)
  return at.every((place, i) => place === i) ? { page, rows } : { page, rows, at: Uint16Array.from(at) }
}
