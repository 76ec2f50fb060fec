import type { StoreOf } from '../log/database.ts'
import type { PastKey, PastRows } from '../log/stores.ts'
import type { Fold } from '../model/fold.ts'
import type { ReadTable } from '../model/projection.ts'

/** All rows are kept at the first commit that ends at or after each multiple of this many events. */
const PAST_EVENTS = 8192
/** A table of more rows keeps none. */
const PAST_ROWS = 16_384
/** At least this many events for each row lie between two sets of kept rows, so that they take less than the log. */
const EVENTS_PER_ROW = 2
/** A value counts as one row for this many characters of its JSON. */
const CHARACTERS_PER_ROW = 128
/** The number of neighbouring sets that are kept at the head. Towards the beginning their distance doubles again and again. */
const PAST_DENSE = 4

/** All rows as they were at `sequence`, in memory. */
export interface KeptRows extends Omit<PastRows, 'lineage'> {
  readonly sequence: number
  readonly latest: number
}

/** The part of a track that keeps rows of the past. */
export interface KeepsPast {
  readonly fold: Fold
  readonly build: string
  /** Rows of the past that are not stored yet. */
  kept: readonly KeptRows[]
  /** The latest time of an event that was folded; Infinity if it is not known. */
  latest: number
  /** Development only: `codeOf` the code that folded the stored rows. */
  code?: string | undefined
}

/** The keys of the rows that one build has kept, up to a sequence if one is given. */
export const pastOf = (identity: string, build: string, last: number | never[] = []): IDBKeyRange =>
  IDBKeyRange.bound([identity, build, 'at'], [identity, build, 'at', last, []])

/**
 * Whether rows that were kept at `sequence` stay while the log has this head. For a log of n events, at most
 * 4 + 2 log2(n / PAST_EVENTS) sets stay, and a sequence that is n events old is less than n + PAST_EVENTS events after one.
 */
const stays = (sequence: number, head: number): boolean => {
  const place = Math.floor(sequence / PAST_EVENTS)
  // The largest power of two that divides the place.
  return Math.floor(head / PAST_EVENTS) - place < PAST_DENSE * (place & -place)
}

/** How many rows a projection has, or the length of a value in rows. */
function countRows({ definition, view, slots }: Fold): number {
  // A projection with a key has a table as its view.
  if (definition.into.key !== undefined) return (view as ReadTable<unknown>).size
  const [value] = slots
  try {
    return JSON.stringify(value!.row).length / CHARACTERS_PER_ROW
  } catch {
    return Infinity
  }
}

/** Keeps all rows of a track in memory until its pages are written, if a commit that was just folded reached the next place. */
export function keepPast(track: KeepsPast, first: number): void {
  const { fold, kept, latest, code } = track
  const { sequence, next } = fold
  const place = Math.floor(sequence / PAST_EVENTS)
  if (place === Math.floor((first - 1) / PAST_EVENTS)) return
  const size = countRows(fold)
  if (size > PAST_ROWS || size * EVENTS_PER_ROW > PAST_EVENTS * (place & -place)) return
  const rows: unknown[] = []
  const numbers: number[] = []
  for (const { row, n } of fold.slots) {
    // Row objects never change, so this is a reference.
    rows.push(row)
    numbers.push(n)
  }
  const one: KeptRows = { sequence, latest, rows, numbers, next, code }
  track.kept = [...kept.filter((before) => stays(before.sequence, sequence)), one]
}

/** Begins the write of what a track has kept. Call the result once the checkpoints have been answered. */
export function queuePast(store: StoreOf, { kept, fold, build }: KeepsPast, lineage: string | undefined): () => void {
  const { identity, sequence } = fold
  const keys = kept.length ? store('rowEvents').getAllKeys(pastOf(identity, build)) : undefined
  return () => {
    for (const one of kept) {
      try {
        store('rowEvents').put({ ...one, lineage }, [identity, build, 'at', one.sequence, one.latest])
      } catch {
        // A row that was replaced since can't be cloned. The past is folded without it.
      }
    }
    for (const key of keys?.result ?? []) {
      // The range holds no other keys.
      if (!stays((key as PastKey)[3], sequence)) store('rowEvents').delete(key)
    }
  }
}
