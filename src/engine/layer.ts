import type { Key } from '../data.ts'
import type { Appended } from '../log/append.ts'
import type { CommitRecord } from '../log/commit.ts'
import type { AnyRecordedEvent } from '../model/events.ts'
import type { Pending } from './pending.ts'

/** How a tab takes the steps that read or write its log. */
export interface Ways<Tab> {
  catchUp(tab: Tab, signal?: AbortSignal, progress?: (head: number) => void): Promise<void>
  appendGroup(tab: Tab, group: readonly Pending[]): Promise<Appended>
  settleAtHead(tab: Tab, leading: readonly Pending[]): Promise<'settled' | 'raced'>
  lookUp(tab: Tab, pending: Pending): Promise<void>
  decideInside(tab: Tab, commands: readonly Pending[]): Promise<'decided' | 'not whole'>
}

/** Which events of the past, and in which order; of one row, if there is a key. */
export interface EventRange {
  readonly after?: number | undefined
  readonly before?: number | undefined
  readonly reverse?: boolean | undefined
  readonly limit?: number | undefined
  readonly table?: string | undefined
  readonly key?: Key | undefined
  readonly signal?: AbortSignal | undefined
}

/** Adds to committed events, in the order that was asked for, those that the remote has not ordered. */
export type WithLocal = (committed: AsyncGenerator<AnyRecordedEvent>) => AsyncGenerator<AnyRecordedEvent>

/**
 * What a tab shows between the log and its pending commands, where the log has a remote: the commands of this device that the remote
 * has not ordered yet. They are folded from their stored events; nothing is decided for it.
 */
export interface Layer<Tab> extends Ways<Tab> {
  /** Commands in it. */
  readonly length: number
  /** What its commands gave until now goes to the newest end of the past, marked as pending. */
  past(of: EventRange): WithLocal
  /** Takes its rows back, before the log moves. Only inside `rebase`, which puts on what is off. */
  takeBack(): void
  putOn(): void
  /** A commit came into the log: what it holds is local no more. */
  arrived(record: CommitRecord): void
  /** This caller, or everybody of this handle, or everybody waits no longer for what the remote says. */
  leave(who: unknown, reason: unknown): void
  /** Another tab says that the outbox grew. */
  hear(local: unknown): void
}
