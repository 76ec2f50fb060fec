import type { Json } from '../data.ts'
import { CommandIdConflict, CorruptLog } from '../errors.ts'
import type { Channel } from '../log/channel.ts'
import { type CommitRecord, commandsOf, eventsOf, recordedOf, type StoredCommand } from '../log/commit.ts'
import type { Database } from '../log/database.ts'
import type { Log } from '../log/log.ts'
import type { AnyRecordedEvent, EventTypesAtRuntime, StoredEvent } from '../model/events.ts'
import { type Fold, foldCommit, type Journal, undo } from '../model/fold.ts'
import { type AnyModel, type CommandContext, decide } from '../model/model.ts'

/** Whoever waits for a command: its dispatch, and every later one with the same command id and input. */
export interface Caller {
  readonly resolve: (receipt: AnyReceipt) => void
  readonly reject: (error: unknown) => void
  readonly strict: boolean
  /** Joined a command that was pending already. */
  joined: boolean
  /** The handle it came through. */
  readonly owner: unknown
}

export interface AnyReceipt {
  readonly commandId: string
  readonly sequence: number
  readonly events: readonly AnyRecordedEvent[]
  readonly duplicate: boolean
}

/** One decision: replaced, never changed, when the command is decided again. */
export interface Decision {
  readonly stored: readonly StoredEvent[]
  readonly events: readonly AnyRecordedEvent[]
  readonly journal: Journal
  /** A rejection, or whatever else the command or `evolve` threw. */
  readonly error?: unknown
  /** Its JSON for the log, once it was needed. */
  body?: string
}

/** A command that is not settled yet. */
export interface Pending {
  readonly id: string
  /** Only where the caller gave the id. */
  readonly fingerprint: string | undefined
  readonly name: string
  readonly input: unknown
  readonly meta: Json | undefined
  /** Decides in place of the model's command of that name: an undo is no command of the model. */
  readonly decide?: ((command: Command) => StoredEvent[]) | undefined
  readonly context: CommandContext & { restart(): void }
  callers: Caller[]
  /** Dispatches of the same id with another command or input: they wait for what becomes of this one. */
  after?: (() => void)[]
  decision: Decision
  /** Ids of the commits it was appended in, and whether strictly. */
  attempts?: Map<string, boolean>
  inTransaction: boolean
  /** Its transaction ended without an answer: the log has to be read. */
  unsure: boolean
  lostRaces: number
  failures: number
  /** Its group failed: it goes alone. */
  alone: boolean
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

/** What one tab holds of one log: the fold of `1..head`, and its own commands on top. */
export interface Tab {
  readonly model: AnyModel
  readonly types: EventTypesAtRuntime
  readonly folds: readonly Fold[]
  /** `read` for commands: refuses projections that failed. */
  readonly commandRead: object
  log: Log
  /** undefined in memory. */
  database?: Database | undefined
  logId: string
  channel?: Channel | undefined
  /** Types that stand in the log, as `type version`. */
  readonly stored: Set<string>
  /** Committed and applied. */
  head: number
  /** `head` and the events of everything pending. */
  tip: number
  pending: Pending[]
  state: 'ready' | 'outdated' | 'failed' | 'closed'
  error?: Error | undefined
  /** The log is known to be ahead. */
  behind: boolean
  catchingUp?: boolean
  readonly interceptors: Set<Interceptor>
  /** Something changed; `read` says whether rows did. */
  changed(read: boolean): void
  /** Sees to whatever is to do: catching up, appending, looking. */
  pump(): void
  /** It is closed now: lets go of everything it holds. */
  over(error: Error): void
}

export const typeKey = (type: string, version = 1): string => `${version} ${type}`

/**
 * Takes pending commands back, lets `change` move what they stood on, and decides them again. What is told to
 * subscribers is the end of it.
 */
export function rebase(tab: Tab, change: () => void): void {
  for (const { decision } of [...tab.pending].reverse()) undo(decision.journal)
  change()
  tab.tip = tab.head
  for (const pending of tab.pending) pending.decision = decideNow(tab, pending)
  tab.changed(true)
}

/** Decides on the state as it stands, and applies: all of the command's events or none. */
export function decideNow(tab: Tab, command: Command): Decision {
  const { id, name, input, meta, context } = command
  const journal: Journal = []
  context.restart()
  try {
    const stored = command.decide ? command.decide(command) : decide(tab.model, name, tab.commandRead, input, context)
    for (const interceptor of tab.interceptors) interceptor.decided(command, stored)
    const events = recordedOf(
      { id, at: context.now, ...(meta !== undefined && { meta }), events: stored },
      tab.tip + 1,
      tab.types,
    )
    for (const event of events) for (const fold of tab.folds) if (!fold.failed) fold.apply(event, journal)
    tab.tip += events.length
    return { stored, events, journal }
  } catch (error) {
    undo(journal)
    for (const interceptor of tab.interceptors) interceptor.decided(command, undefined)
    return { stored: [], events: [], journal, error }
  }
}

/** Applies the next commit of the log, whole, and answers what waits for its commands. Only inside `rebase`. */
export function applyCommit(tab: Tab, record: CommitRecord, hinted?: boolean): void {
  if (record.last > tab.head && tab.state === 'ready') advance(tab, record, hinted)
  match(tab, record)
}

function advance(tab: Tab, record: CommitRecord, hinted?: boolean): void {
  let events: AnyRecordedEvent[]
  try {
    events = eventsOf(record, tab.types)
    if (record.first !== tab.head + 1) throw new CorruptLog(tab.head + 1)
  } catch (error) {
    // Guarantees 1 and 10: a hole, or what this code does not understand, is never skipped, and ends what this tab may do.
    // What is only said, and can't be read, is looked up.
    if (hinted) tab.behind = true
    else stop(tab, error instanceof CorruptLog ? 'failed' : 'outdated', error as Error)
    return
  }
  for (const fold of tab.folds) foldCommit(fold, record, events, [])
  for (const { type, version } of events) tab.stored.add(typeKey(type, version))
  tab.head = record.last
}

/**
 * Rule 5: a command met in the log is answered from there and never decided again. One of this tab's own attempts
 * settles as appended; any other with a caller's id is its first answer, or a conflict.
 */
export function match(tab: Tab, record: CommitRecord): void {
  if (!tab.pending.length) return
  let sequence = record.first
  for (const command of commandsOf(record)) {
    const pending = tab.pending.find(({ id }) => id === command.id)
    const { length } = command.events
    if (pending) answer(tab, pending, command, sequence, record.id)
    sequence += length
  }
}

/** Answers a command from the log: `command` is what stands there, `sequence` that of its first event. */
export function answer(tab: Tab, pending: Pending, command: StoredCommand, sequence: number, commit: string): void {
  const strict = pending.attempts?.get(commit)
  const duplicate = strict === undefined
  if (duplicate && pending.fingerprint !== command.fingerprint) {
    fail(tab, pending, new CommandIdConflict(pending.id))
    return
  }
  let events: AnyRecordedEvent[] = []
  try {
    events = recordedOf(command, sequence, tab.types)
  } catch {
    // Events of a newer build: they are in the log, this code can't show them.
  }
  succeed(tab, pending, { sequence: sequence + command.events.length - 1, events, duplicate }, strict)
}

/** Ends a command. Its rows are not touched: whoever calls this rebases or confirms them, unless there are none. */
function settle(
  tab: Tab,
  pending: Pending,
  outcome: Parameters<Interceptor['settled']>[1],
  tell: (caller: Caller) => void,
): void {
  const at = tab.pending.indexOf(pending)
  if (at < 0) return
  tab.pending.splice(at, 1)
  pending.callers.forEach(tell)
  for (const interceptor of tab.interceptors) interceptor.settled(pending, outcome)
  pending.after?.forEach(queueMicrotask)
}

export function fail(tab: Tab, pending: Pending, error: unknown): void {
  settle(tab, pending, { error }, ({ reject }) => reject(error))
}

export function succeed(tab: Tab, pending: Pending, outcome: Omit<AnyReceipt, 'commandId'>, strictly = false): void {
  settle(tab, pending, outcome, ({ resolve, reject, strict, joined }) => {
    const any = outcome.events.length > 0
    const receipt = Object.freeze({
      commandId: pending.id,
      ...outcome,
      duplicate: outcome.duplicate || (joined && any),
    })
    // Rule 6: answered by a commit that was not written strictly.
    if (strict && !strictly && any) tab.log.flush().then(() => resolve(receipt), reject)
    else resolve(receipt)
  })
}

/** Ends all work: what is in no transaction is rejected now, the rest when its outcome is known. Only inside `rebase`. */
export function stop(tab: Tab, state: Exclude<Tab['state'], 'ready'>, error: Error): void {
  if (tab.state === 'closed') return
  tab.state = state
  tab.error = error
  if (state === 'closed') tab.over(error)
  for (const pending of [...tab.pending]) if (!pending.inTransaction && !pending.unsure) fail(tab, pending, error)
}
