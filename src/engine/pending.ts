import type { Json } from '../data.ts'
import type { Inside } from '../log/append.ts'
import type { Cause } from '../log/commit.ts'
import type { Log } from '../log/log.ts'
import type { AnyRecordedEvent, StoredEvent } from '../model/events.ts'
import type { Journal } from '../model/fold.ts'
import type { DispatchContext } from '../model/model.ts'
import { type AnyReceipt, type Caller, receiptOf, resolveBehind } from './caller.ts'

/** One decision: replaced, never changed, when the command is decided again. */
export interface Decided {
  readonly stored: readonly StoredEvent[]
  readonly events: readonly AnyRecordedEvent[]
  readonly journal: Journal
  /** A rejection, or whatever else the command or `evolve` threw. */
  readonly error?: unknown
  /** Its JSON for the log, once it was needed. */
  body?: string
}

export type Phase =
  /** Not decided: another command with its id is pending. The only phase outside `tab.pending`, but for 'settled'. */
  | 'new'
  /** Decided and shown; no transaction has it. */
  | 'waiting'
  | 'in transaction'
  /** Its transaction ended without an answer: only the log can say what became of it. */
  | 'unsure'
  | 'settled'

/** A record that a command was appended in. */
interface AppendAttempt {
  readonly record: string
  readonly strict: boolean
}

/** What went wrong with a command so far. Replaced, never changed: most commands share `NO_TRIES`. */
export interface Tries {
  /** Commits of other tabs that were faster. */
  readonly races: number
  /** Times the storage failed it. */
  readonly failures: number
  /** What has given way to it on a full disk: 1 the mirror, 2 drafts, 3 the pages as well. */
  readonly room: 0 | 1 | 2 | 3
  /** Its group failed: it goes alone. */
  readonly alone: boolean
}
export const NO_TRIES: Tries = Object.freeze({ races: 0, failures: 0, room: 0, alone: false })

const UNDECIDED: Decided = Object.freeze({ stored: [], events: [], journal: [] })

/** A command that is not settled yet. */
export interface Pending {
  readonly id: string
  /** Only where the caller gave the id. */
  readonly fingerprint: string | undefined
  readonly name: string
  readonly input: unknown
  readonly meta: Json | undefined
  readonly cause: Cause | undefined
  /** Decides in place of the model's command of that name: an undo is no command of the model. */
  readonly decide: ((command: Command) => StoredEvent[]) | undefined
  readonly context: DispatchContext
  callers: Caller[]
  /** Dispatches of the same id with another command or input: they wait for what becomes of this one. */
  after?: (() => void)[]
  phase: Phase
  decision: Decided
  /** Grows with each decision and each caller that joins: an equal version is the same answer for the same callers. */
  version: number
  /** The records it was appended in. Replaced, never changed: the commands of one group share their first. */
  attempts?: readonly AppendAttempt[]
  tries: Tries
}

/** What of a command its decision depends on, besides the state. One object for all of its decisions. */
export type Command = Pick<Pending, 'id' | 'name' | 'input' | 'meta' | 'decide' | 'context'>

/** A tool that follows the commands of this tab. It leaves with `interceptors.delete`, and with its handle. */
export interface Interceptor {
  readonly owner: unknown
  /**
   * A command was decided, or decided again: `stored` is what it gives, on a state that does not show it yet.
   * undefined: this decision failed. What is thrown becomes the command's error.
   */
  decided(command: Command, stored: readonly StoredEvent[] | undefined): void
  /** It ended: its callers have been told. Must not throw. */
  settled(command: Command, outcome: { readonly duplicate: boolean } | { readonly error: unknown }): void
}

/** The part of a tab that holds its commands. */
export interface CommandQueue {
  readonly pending: Pending[]
  readonly interceptors: Set<Interceptor>
  log: Log
}

/** A command as it is dispatched. Every property at once: a thousand may be dispatched in one tick. */
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
 * What these commands bring along, behind `first`. undefined: nothing, as mostly. What this `record` writes is not written again for those
 * who wait now.
 */
export function insideOf(commands: readonly Pending[], first?: Inside, record?: string): Inside[] | undefined {
  let all = first && [first]
  for (const { callers } of commands)
    for (const caller of callers)
      if (caller.inside) {
        caller.wroteIn = record ?? caller.wroteIn
        all ??= []
        all.push(caller.inside)
      }
  return all
}

export const isStrict = ({ callers }: Pending): boolean => callers.some(({ strict }) => strict)

/** These commands go into one record. */
export function noteAttempt(group: readonly Pending[], record: string, strict: boolean): void {
  const first: readonly AppendAttempt[] = [{ record, strict }]
  for (const pending of group) pending.attempts = pending.attempts ? [...pending.attempts, ...first] : first
}

/** Whether its own attempt in this record was strict, or undefined if no attempt of its own was in it. */
export const attemptIn = ({ attempts }: Pending, record: string): boolean | undefined =>
  attempts?.find((attempt) => attempt.record === record)?.strict

/** Takes a command out, unless it ended before. Its rows are not touched: the caller rebases or confirms them, unless there are none. */
function removePending(tab: CommandQueue, pending: Pending): boolean {
  if (pending.phase === 'settled') return false
  pending.phase = 'settled'
  // Mostly it is the first one, and this allocates nothing.
  if (tab.pending[0] === pending) tab.pending.shift()
  else tab.pending.splice(tab.pending.indexOf(pending), 1)
  return true
}

/** Its callers have been told, or will be once they are written to the disk. */
function tellOthers(tab: CommandQueue, pending: Pending, outcome: Parameters<Interceptor['settled']>[1]): void {
  for (const interceptor of tab.interceptors) interceptor.settled(pending, outcome)
  pending.after?.forEach(queueMicrotask)
}

export function failCommand(tab: CommandQueue, pending: Pending, error: unknown): void {
  if (!removePending(tab, pending)) return
  for (const caller of pending.callers) caller.reject(error)
  tellOthers(tab, pending, { error })
}

/** `strictly`: the commit that answers was written with strict durability. `record`: the id of what holds the command. */
export function succeed(
  tab: CommandQueue,
  pending: Pending,
  outcome: Omit<AnyReceipt, 'commandId'>,
  strictly = false,
  record = '',
): void {
  if (!removePending(tab, pending)) return
  const any = outcome.events.length > 0
  for (const caller of pending.callers) {
    const receipt = receiptOf(pending.id, outcome, outcome.duplicate || (caller.joined && any))
    const { inside } = caller
    const toWrite = inside && (!record || caller.wroteIn !== record) ? inside : undefined
    // Rule 6: answered by a commit that was not written strictly.
    const toFlush = caller.strict && !strictly && any
    if (toWrite || toFlush) void resolveBehind(tab.log, caller, receipt, toWrite, toFlush)
    else caller.resolve(receipt)
  }
  tellOthers(tab, pending, outcome)
}

/** Ends a command that gave no events, decided at `head`: nothing was appended. */
export function settleWithoutEvents(tab: CommandQueue, pending: Pending, head: number): void {
  const { decision } = pending
  if ('error' in decision) failCommand(tab, pending, decision.error)
  else succeed(tab, pending, { sequence: head, events: [], duplicate: false })
}
