import type { MirrorHost } from '../copies/mirror.ts'
import type { Channel, Hint } from '../log/channel.ts'
import type { CommitRecord } from '../log/commit.ts'
import type { Database } from '../log/database.ts'
import type { WireError } from '../log/wire.ts'
import type { Fold } from '../model/fold.ts'
import type { AnyModel } from '../model/model.ts'
import type { TableDatabase } from './tableDatabase.ts'
import type { Track } from './track.ts'

/** By projection identity: the persisted checkpoint, or the error because of which there is none. */
export type Checkpoints = Readonly<Record<string, number | WireError>>

/** Folds one log into its persisted projections. */
export interface Pipeline {
  /** Folds the log to its end and writes the pages. Returns the persisted checkpoints by projection identity. */
  flush(): Promise<Checkpoints>
  /** Folds projections again from the log. The caller may `cancel` it by this id. */
  rebuild(id: string, projections?: readonly string[]): Promise<void>
  cancel(id: string): void
  /** The state that rebuilds, tidying, the mirror and an engine beside this pipeline share. */
  readonly shop: Workshop
  close(): Promise<void>
}

/**
 * The outcome of a write of pages. `on hold`: no page is written until an append succeeds (rule 19). `replaced`: another
 * pipeline has moved a checkpoint or swapped a build, so these tracks do not match the stored pages (rule 15).
 */
export type Written = 'written' | 'on hold' | 'replaced'

export interface Workshop extends MirrorHost {
  readonly model: AnyModel
  /** The live tracks; undefined while the pages have to be read. */
  readonly tracks: readonly Track[] | undefined
  /** The on-disk tables; undefined if the model has none. */
  readonly tables: OnDiskTables | undefined
  /** Runs one task at a time, because a catch-up, a flush and a swap share the folds. */
  exclusive<T>(task: () => Promise<T>): Promise<T>
  /** The channel of this pipeline. An engine beside it shares it. */
  readonly channel: Channel
  /**
   * Folds the commits that hints carried, or reads on to the log's end if `read` is set. Then runs a task over the folds
   * before anything else changes or writes them. Throws `StorageError('aborted')` if other pipelines keep replacing the pages.
   */
  atHead<T>(task: (folds: readonly Fold[]) => T | Promise<T>, read?: boolean): Promise<T>
  /** Folds the next commit. Only inside `atHead`. */
  fold(record: CommitRecord): void
  /**
   * Folds the log into these tracks, to the log's end. Writes pages on the way if much has changed, and stops if that
   * gives 'replaced'.
   */
  foldToHead(into: readonly Track[], signal: AbortSignal, progress?: (done: number) => void): Promise<Written>
  /** Writes the changed pages of the given tracks. */
  write(into: readonly Track[]): Promise<Written>
  /** Drops the folds and reads the pages again. Only inside `exclusive`. */
  reload(): Promise<void>
}

/** The on-disk tables of a model. They have a pipeline of their own, beside the one that writes pages. */
export interface OnDiskTables {
  /** Receives a hint about this log, which the pipeline passes on from its channel. */
  hear(hint: Hint): void
  /** Folds the log to its end. Returns the checkpoints by projection identity. */
  flush(): Promise<Checkpoints>
  /** The checkpoints above which the log must not be sealed. 0 while they are not known. */
  stored(): readonly number[]
  /** Empties tables and folds the log into them again, in place. A table that is open elsewhere stays open. */
  rebuild(names: readonly string[], signal: AbortSignal): Promise<void>
}

/**
 * The code of on-disk tables. It contains Dexie, so it is loaded only for models that have such tables. A page loads
 * it, and a worker's script imports it from `tidemark/tables`.
 */
export interface Tables {
  /** @internal */
  followLog(shop: Workshop, folds: readonly Fold[]): OnDiskTables
  /** @internal */
  open(database: Database, fold: Fold): Promise<TableDatabase>
}

export type LoadTables = (signal?: AbortSignal) => Promise<Tables>
