import type { MirrorHost } from '../copies/mirror.ts'
import type { Channel, Hint } from '../log/channel.ts'
import type { CommitRecord } from '../log/commit.ts'
import type { Database } from '../log/database.ts'
import type { WireError } from '../log/wire.ts'
import type { Fold } from '../model/fold.ts'
import type { AnyModel } from '../model/model.ts'
import type { TableDatabase } from './tableDatabase.ts'
import type { Track } from './track.ts'

/** By projection identity: the persisted checkpoint, or why this pipeline keeps none. */
export type Checkpoints = Readonly<Record<string, number | WireError>>

/** Folds one log into its persisted projections. */
export interface Pipeline {
  /** Folds what the log has and writes it; the persisted checkpoints by projection identity. */
  flush(): Promise<Checkpoints>
  /** Folds projections again from the log, under the id that the caller may cancel it by. */
  rebuild(id: string, projections?: readonly string[]): Promise<void>
  cancel(id: string): void
  /** What everything that works on this pipeline shares: rebuilds, tidying, the mirror, an engine beside it. */
  readonly shop: Workshop
  close(): Promise<void>
}

/**
 * What a write of pages came to. `held`: nothing is written until an append succeeds (rule 19). `moved`: another pipeline
 * has moved a checkpoint or swapped a build, so these tracks are not what the pages hold (rule 15).
 */
export type Written = 'written' | 'held' | 'moved'

export interface Workshop extends MirrorHost {
  readonly model: AnyModel
  /** The projections as they are folded now; undefined while the pages have to be read. */
  readonly tracks: readonly Track[] | undefined
  /** The tables whose rows are on disk only; undefined if the model has none. */
  readonly tables: OnDiskTables | undefined
  /** One task at a time: a catch-up, a flush and a swap share the folds. */
  exclusive<T>(task: () => Promise<T>): Promise<T>
  /** Where this pipeline hears and speaks: an engine beside it shares it. */
  readonly channel: Channel
  /**
   * Folds what it has heard of, or what the log has if it is to `read`, and runs a task over the folds before anything else
   * changes or writes them. Throws `StorageError('aborted')` if others replace the pages all the time.
   */
  atHead<T>(task: (folds: readonly Fold[]) => T | Promise<T>, read?: boolean): Promise<T>
  /** Folds the next commit. Only inside `atHead`. */
  fold(record: CommitRecord): void
  /** Folds the log into these tracks, to its end, and writes pages on the way when much has changed. Stops at 'moved'. */
  foldToHead(into: readonly Track[], signal: AbortSignal, progress?: (done: number) => void): Promise<Written>
  write(into: readonly Track[]): Promise<Written>
  /** Forgets the folds and reads the pages again. Only inside `exclusive`. */
  reload(): Promise<void>
}

/** The on-disk tables of a model: a pipeline of their own beside that of the pages. */
export interface OnDiskTables {
  /** What another tab or worker said about this log; the pipeline has the channel. */
  hear(hint: Hint): void
  /** Folds what the log has; the checkpoints by projection identity. */
  flush(): Promise<Checkpoints>
  /** Where they keep the log from being sealed; 0 while that is not known. */
  stored(): readonly number[]
  /** Empties tables and folds the log into them again, in place: a table that somebody has open stays open. */
  rebuild(names: readonly string[], signal: AbortSignal): Promise<void>
}

/**
 * The code of on-disk tables. It brings Dexie, so it is loaded only for models that have such tables: a page loads it, and
 * a worker's script imports it from `tidemark/tables`.
 */
export interface Tables {
  /** @internal */
  follow(shop: Workshop, folds: readonly Fold[]): OnDiskTables
  /** @internal */
  open(database: Database, fold: Fold): Promise<TableDatabase>
}

export type LoadTables = (signal?: AbortSignal) => Promise<Tables>
