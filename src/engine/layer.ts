import type { Key } from '../data.ts'
import type { Appended } from '../log/append.ts'
import type { Taken } from '../log/channel.ts'
import type { CommitRecord } from '../log/commit.ts'
import type { AnyRecordedEvent } from '../model/events.ts'
import type { Journal } from '../model/fold.ts'
import type { Pending } from './pending.ts'

/** The steps that read or write a tab's log. A log with a remote has its own. */
export interface Ways<Tab> {
  catchUp(tab: Tab, signal?: AbortSignal, progress?: (head: number) => void): Promise<void>
  appendGroup(tab: Tab, group: readonly Pending[]): Promise<Appended>
  settleAtHead(tab: Tab, leading: readonly Pending[]): Promise<'settled' | 'raced'>
  lookUp(tab: Tab, pending: Pending): Promise<void>
  decideInside(tab: Tab, commands: readonly Pending[]): Promise<'decided' | 'not whole'>
}

/** The events to read and their order. With `table` and `key`, only those of one row. */
export interface EventRange {
  readonly after?: number | undefined
  readonly before?: number | undefined
  readonly reverse?: boolean | undefined
  readonly limit?: number | undefined
  readonly table?: string | undefined
  readonly key?: Key | undefined
  readonly signal?: AbortSignal | undefined
}

/** Adds the events that the remote has not ordered to committed events, in the order of the request. */
export type WithLocal = (committed: AsyncGenerator<AnyRecordedEvent>) => AsyncGenerator<AnyRecordedEvent>

/**
 * The commands of this device that the remote has not ordered yet. A tab of a log with a remote shows them between the
 * log and its pending commands. They are folded from their stored events and not decided again here.
 */
export interface Layer<Tab> extends Ways<Tab> {
  /** The number of commands that the rows show. */
  readonly length: number
  /** While a refold is under way, the last event of the log that the rows show. */
  readonly head: number | undefined
  /** While a refold is under way, receives the changes that commits make. */
  readonly journal: Journal | undefined
  /** Ends a refold that is under way, at once: what follows needs the present rows. */
  finish(): void
  /** A function that adds the present events of its commands at the newest end of the history, marked as pending. */
  past(of: EventRange): WithLocal
  /**
   * Undoes the rows of its commands before the log's rows change. Only inside `rebase`, which calls `putOn`
   * afterwards.
   */
  takeBack(): void
  /** Applies the rows of all commands that are not applied. */
  putOn(): void
  /** Removes the commands that a new commit of the log holds. */
  arrived(record: CommitRecord): void
  /** Stops waiting for the remote: `who` is one caller or one handle; undefined means all callers. */
  leave(who: unknown, reason: unknown): void
  /** Receives a hint that the outbox has grown. */
  hear(local: unknown): void
  /** Receives a hint that first commands of the outbox are in the log. False if the log has to be read. */
  hearTaken(taken: Taken): boolean
}
