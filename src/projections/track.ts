import { ProjectionFailed } from '../errors.ts'
import type { CommitRecord } from '../log/commit.ts'
import type { Checkpoint, FiledRows, RecentRows } from '../log/stores.ts'
import { fromWire, type WireError } from '../log/wire.ts'
import type { AnyRecordedEvent } from '../model/events.ts'
import { type Fold, foldCommit, type Journal, type Slot } from '../model/fold.ts'
import { codeOf } from './code.ts'
import { type KeepsPast, keepPast } from './past.ts'
import { PAGE_ROWS } from './snapshot.ts'

/** One projection in a pipeline: its fold, and the state of its persisted pages. */
export interface Track extends KeepsPast {
  /** True for the build that tabs read, false for a rebuild that is under way. */
  readonly live: boolean
  /** The first sequence of the last commit that was folded. */
  first: number
  /** The persisted checkpoint, as far as this pipeline knows. */
  stored: number | undefined
  failed?: ProjectionFailed | undefined
  readonly pages: Map<number, Set<Slot>>
  readonly dirty: Set<number>
  readonly journal: Journal
  /** The index of a table with `history`. */
  index?: RowIndex | undefined
  /** A row is refused by IndexedDB. Only this failure is written, not the rows. */
  unstorable?: boolean
}

/** Creates a track that starts at a checkpoint. Call `openTrack` to get one with its index and base. */
export function createTrack(
  fold: Fold,
  checkpoint: Checkpoint | undefined,
  build: string = checkpoint?.build ?? '',
  live = true,
): Track {
  const { failed, first = 0, sequence, rows } = checkpoint ?? {}
  const track: Track = {
    fold,
    build,
    live,
    first,
    stored: sequence,
    pages: new Map(),
    dirty: new Set(),
    journal: [],
    kept: [],
    latest: checkpoint ? (checkpoint.latest ?? Infinity) : 0,
  }
  if (__DEV__) track.code = checkpoint ? checkpoint.code : codeOf(fold)
  if (failed) track.failed = fold.failed = new ProjectionFailed(fold.name, failed.sequence, causeOf(failed.error))
  // A value that no event has changed has a slot, but no page.
  if (rows) for (const slot of fold.slots) place(track, slot)
  return track
}

/** Records which events touched which row of one table, for `engine.history({ table, key })`. */
export interface RowIndex {
  /** Folds a commit and notes the rows that each of its events touched. */
  fold(record: CommitRecord, events: readonly AnyRecordedEvent[]): void
  /** The records to write to `rowEvents` with a checkpoint: the last parts of each key, and the value. */
  pack(): readonly (readonly [rest: readonly number[], value: FiledRows | RecentRows])[]
  /** Call it once the packed records are stored. */
  written(): void
}

/**
 * Folds one commit, if it is the next one, and marks the pages that it changed. Returns the number of changes, plus
 * one.
 */
export function foldInto(track: Track, record: CommitRecord, events: readonly AnyRecordedEvent[]): number {
  const { fold, journal, dirty, index } = track
  if (index) index.fold(record, events)
  else foldCommit(fold, record, events, journal)
  if (fold.sequence === record.last) {
    track.first = record.first
    for (const { at } of events) if (at > track.latest) track.latest = at
    keepPast(track, record.first)
  }
  for (const { slot } of journal) dirty.add(place(track, slot))
  return journal.splice(0).length + 1
}

/** Puts a row into its page, or removes a deleted one from it. Returns the page's number. */
export function place({ pages }: Track, slot: Slot): number {
  const page = Math.floor(slot.n / PAGE_ROWS)
  const slots = pages.get(page) ?? new Set()
  pages.set(page, slots)
  if (slot.row === undefined) slots.delete(slot)
  else slots.add(slot)
  return page
}

/** The cause of a stored error. It may be damaged; `fromWire` needs no more than an object. */
const causeOf = (error: WireError | undefined): unknown =>
  typeof error?.cause === 'object' && error.cause ? fromWire(error.cause as WireError) : undefined
