import type { Json } from '../data.ts'
import type { ExtraWrite } from '../log/append.ts'
import type { Cause } from '../log/commit.ts'
import type { Log } from '../log/log.ts'
import type { AnyRecordedEvent, StoredEvent } from '../model/events.ts'
import type { Journal } from '../model/fold.ts'
import type { DispatchContext } from '../model/model.ts'
import { type AnyReceipt, type Caller, receiptOf, resolveBehind } from './caller.ts'

/** The outcome of one decision. A new decision replaces it; it never changes, except for `body`. */
export interface Decided {
  readonly stored: readonly StoredEvent[]
  readonly events: readonly AnyRecordedEvent[]
  readonly journal: Journal
  /** A rejection, or any other error that the command or `evolve` threw. */
  readonly error?: unknown
  /** The JSON for the log, built when it is first needed. */
  body?: string
}

export type Phase =
  /**
   * Not decided. It waits until another command with its id has ended, or until the remote was read. Like 'settled' ones,
   * such commands are not in `tab.pending`.
   */
  | 'new'
  /** Decided and shown, and in no transaction. */
  | 'waiting'
  | 'in transaction'
  /** Its transaction ended without an answer. The log has to be read to find out whether it was appended. */
  | 'unsure'
  | 'settled'

/** A record in which a command was sent to the log. Its outcome may be unknown. */
interface AppendAttempt {
  readonly record: string
  readonly strict: boolean
}

/** What went wrong with a command so far. Replace it instead of changing it, because most commands share `NO_TRIES`. */
export interface Tries {
  /** Lost races: commits of other tabs that were faster. */
  readonly races: number
  /** Failures of the storage. */
  readonly failures: number
  /** What was deleted for it on a full disk. 1: the rows of the past; 2: also the mirror; 3: also drafts; Infinity: also the pages. */
  readonly room: number
  /** Its group failed on a full disk, so it is appended alone. */
  readonly alone: boolean
}
export const NO_TRIES: Tries = Object.freeze({ races: 0, failures: 0, room: 0, alone: false })

const UNDECIDED: Decided = Object.freeze({ stored: [], events: [], journal: [] })

/** A command that is not settled yet. */
export interface Pending {
  readonly id: string
  /** undefined if the caller gave no id. */
  readonly fingerprint: string | undefined
  readonly name: string
  readonly input: unknown
  readonly meta: Json | undefined
  readonly cause: Cause | undefined
  /** Decides instead of a command of the model. An undo uses it. */
  readonly decide: ((command: Command) => StoredEvent[]) | undefined
  readonly context: DispatchContext
  callers: Caller[]
  /** Called when this command ends. Dispatches of the same id with another command or input wait for it. */
  after?: (() => void)[]
  phase: Phase
  decision: Decided
  /**
   * Grows with each decision and each caller that joins. An equal version means the same decision for the same callers.
   */
  version: number
  /**
   * The records in which it was sent to the log. Replace the array instead of changing it: a group shares its first
   * one.
   */
  attempts?: readonly AppendAttempt[]
  tries: Tries
}

/** The parts of a command on which its decision depends, besides the state. Each decision gets the same object. */
export type Command = Pick<Pending, 'id' | 'name' | 'input' | 'meta' | 'decide' | 'context'>

/**
 * A tool that observes the commands of this tab. It is removed by `interceptors.delete`, and when its handle closes.
 */
export interface Interceptor {
  readonly owner: unknown
  /**
   * Called each time a command is decided. `stored` are its events, which the state does not show yet; undefined if the
   * decision failed. If this throws, the command gets the error.
   */
  decided(command: Command, stored: readonly StoredEvent[] | undefined): void
  /** Called after a command ended. Must not throw. */
  settled(command: Command, outcome: { readonly duplicate: boolean } | { readonly error: unknown }): void
}

/** The part of a tab that holds its commands. */
export interface CommandQueue {
  readonly pending: Pending[]
  readonly interceptors: Set<Interceptor>
  log: Log
}

/** Creates a command. All properties are set at once for speed: a thousand commands may be dispatched in one tick. */
export const createPending = (
  id: string,
  fingerprint: string | undefined,
  name: string,
  input: unknown,
  meta: Json | undefined,
  decide: Pending['decide'],
  context: Pending['context'],
  caller: Caller,
  cause?: Cause,
): Pending => ({
  id,
  fingerprint,
  name,
  input,
  meta,
  cause,
  decide,
  context,
  callers: [caller],
  phase: 'new',
  decision: UNDECIDED,
  version: 0,
  tries: NO_TRIES,
})

/**
 * The extra writes of the given commands, with `first` before them. undefined if there are none, which is the usual
 * case. Notes for each caller that its write goes with `record`, so that `succeed` does not write it again.
 */
export function extraWritesOf(
  commands: readonly Pending[],
  first?: ExtraWrite,
  record?: string,
): ExtraWrite[] | undefined {
  let all = first && [first]
  for (const { callers } of commands)
    for (const caller of callers)
      if (caller.extra) {
        caller.wroteIn = record ?? caller.wroteIn
        all ??= []
        all.push(caller.extra)
      }
  return all
}

export const isStrict = ({ callers }: Pending): boolean => callers.some(({ strict }) => strict)

/** Notes that these commands are sent to the log in one record. */
export function noteAttempt(group: readonly Pending[], record: string, strict: boolean): void {
  const first: readonly AppendAttempt[] = [{ record, strict }]
  for (const pending of group) pending.attempts = pending.attempts ? [...pending.attempts, ...first] : first
}

/** Whether the command's own attempt in this record was strict; undefined if this record is not one of its attempts. */
export const attemptIn = ({ attempts }: Pending, record: string): boolean | undefined =>
  attempts?.find((attempt) => attempt.record === record)?.strict

/**
 * Removes a command from the queue. False if it had ended before. Its rows stay: the caller has to rebase or confirm
 * them.
 */
function removePending(tab: CommandQueue, pending: Pending): boolean {
  if (pending.phase === 'settled') return false
  pending.phase = 'settled'
  // Mostly it is the first one, and `shift` allocates nothing.
  if (tab.pending[0] === pending) tab.pending.shift()
  else tab.pending.splice(tab.pending.indexOf(pending), 1)
  return true
}

/** Notifies interceptors and waiting dispatches. The callers were answered, or will be after their flush. */
function tellOthers(tab: CommandQueue, pending: Pending, outcome: Parameters<Interceptor['settled']>[1]): void {
  for (const interceptor of tab.interceptors) interceptor.settled(pending, outcome)
  pending.after?.forEach(queueMicrotask)
}

/** Ends a command with an error: rejects its callers. */
export function failCommand(tab: CommandQueue, pending: Pending, error: unknown): void {
  if (!removePending(tab, pending)) return
  for (const caller of pending.callers) caller.reject(error)
  tellOthers(tab, pending, { error })
}

/**
 * Ends a command with a receipt. `strictly`: the commit that holds it was written with strict durability. `record`: the
 * id of the record that holds it.
 */
export function succeed(
  tab: CommandQueue,
  pending: Pending,
  outcome: Omit<AnyReceipt, 'commandId'>,
  strictly = false,
  record = '',
): void {
  if (!removePending(tab, pending)) return
  const hasEvents = outcome.events.length > 0
  for (const caller of pending.callers) {
    const receipt = receiptOf(pending.id, outcome, outcome.duplicate || (caller.joined && hasEvents))
    const { extra } = caller
    const toWrite = extra && (!record || caller.wroteIn !== record) ? extra : undefined
    // A strict caller was answered by a commit that was not written strictly, so its disk write must be flushed (rule
    // 6).
    const toFlush = caller.strict && !strictly && hasEvents
    if (toWrite || toFlush) void resolveBehind(tab.log, caller, receipt, toWrite, toFlush)
    else caller.resolve(receipt)
  }
  tellOthers(tab, pending, outcome)
}

/** Ends a command that was decided at `head` and has no events. */
export function settleWithoutEvents(tab: CommandQueue, pending: Pending, head: number): void {
  const { decision } = pending
  if ('error' in decision) failCommand(tab, pending, decision.error)
  else succeed(tab, pending, { sequence: head, events: [], duplicate: false })
}
