import { ProjectionFailed } from '../errors.ts'
import type { CommitRecord } from '../log/commit.ts'
import type { Checkpoint, FiledRows, RecentRows } from '../log/stores.ts'
import { fromWire, type WireError } from '../log/wire.ts'
import type { AnyRecordedEvent } from '../model/events.ts'
import { type Fold, foldCommit, type Journal, type Slot } from '../model/fold.ts'
import { codeOf } from './code.ts'
import { PAGE_ROWS } from './snapshot.ts'

/** One projection as a pipeline keeps it: its fold, and what is persisted of it. */
export interface Track {
  readonly fold: Fold
  readonly build: string
  /** The build that tabs read, as opposed to a rebuild that is under way. */
  readonly live: boolean
  /** Where the last commit that it folded begins. */
  first: number
  /** The persisted checkpoint, as far as this pipeline knows. */
  stored: number | undefined
  failed?: ProjectionFailed | undefined
  readonly pages: Map<number, Set<Slot>>
  readonly dirty: Set<number>
  readonly journal: Journal
  /** Development only. */
  code?: string | undefined
  /** Of a table with `history`. */
  index?: RowIndex | undefined
  /** It holds a row that IndexedDB refuses: only that is written of it. */
  unstorable?: boolean
}

/** A track from its checkpoint on; `openTrack` gives it all that belongs to it. */
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
  }
  if (__DEV__) track.code = checkpoint ? checkpoint.code : codeOf(fold)
  if (failed) track.failed = fold.failed = new ProjectionFailed(fold.name, failed.sequence, causeOf(failed.error))
  // A value that no event has changed yet has no page.
  if (rows) for (const slot of fold.slots) place(track, slot)
  return track
}

/** Which events touched which row of one table, for `engine.history({ table, key })`. */
export interface RowIndex {
  /** Folds a commit and notes what each of its events touched. */
  fold(record: CommitRecord, events: readonly AnyRecordedEvent[]): void
  /** What `rowEvents` gets with a checkpoint: the rest of the key, and the value. */
  pack(): readonly (readonly [rest: readonly number[], value: FiledRows | RecentRows])[]
  /** What was packed is stored. */
  written(): void
}

/** Folds one commit, if it is the next one, and notes which pages it changed; says how much that was. */
export function foldInto(track: Track, record: CommitRecord, events: readonly AnyRecordedEvent[]): number {
  const { fold, journal, dirty, index } = track
  if (index) index.fold(record, events)
  else foldCommit(fold, record, events, journal)
  if (fold.sequence === record.last) track.first = record.first
  for (const { slot } of journal) dirty.add(place(track, slot))
  return journal.splice(0).length + 1
}

/** Notes which page a row is in, or is gone from. */
export function place({ pages }: Track, slot: Slot): number {
  const page = Math.floor(slot.n / PAGE_ROWS)
  const slots = pages.get(page) ?? new Set()
  pages.set(page, slots)
  if (slot.row === undefined) slots.delete(slot)
  else slots.add(slot)
  return page
}

/** What is stored may be damaged: that it is an object is as much as `fromWire` needs. */
const causeOf = (error: WireError | undefined): unknown =>
  typeof error?.cause === 'object' && error.cause ? fromWire(error.cause as WireError) : undefined
