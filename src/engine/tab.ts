import type { OpenDrafts } from '../drafts/types.ts'
import { CommandIdConflict, CorruptLog } from '../errors.ts'
import type { ExtraWrite } from '../log/append.ts'
import type { Channel } from '../log/channel.ts'
import { type CommitRecord, commandsOf, eventsOf, recordedOf, type StoredCommand } from '../log/commit.ts'
import type { Database } from '../log/database.ts'
import type { AnyRecordedEvent, EventTypesAtRuntime } from '../model/events.ts'
import { type Fold, foldCommit, type Journal, undo } from '../model/fold.ts'
import { type AnyModel, decide } from '../model/model.ts'
import type { Layer } from './layer.ts'
import {
  attemptIn,
  type Command,
  type CommandQueue,
  type Decided,
  failCommand,
  type Pending,
  succeed,
} from './pending.ts'

/** The reason why a tab can't read its log at present, and when it tries again. Times are in milliseconds. */
export interface Trouble {
  /** The time of the first failure, since 1970. */
  readonly since: number
  readonly error: Error
  /** Failed tries in a row. */
  readonly tries: number
  /** When the last try ended, by `performance.now()`. */
  readonly last: number
  /** When the next one is due. `nudge` brings it forward. */
  readonly until: number
}

/** Steps that a tab rarely takes. Their code is loaded after the first work of a visit. */
export interface Reserve {
  standOnBase(tab: Tab): Promise<void>
  makeRoom(tab: Tab, pending: Pending): Promise<void>
  decideInside(tab: Tab, commands: readonly Pending[]): Promise<'decided' | 'not whole'>
}

/** The turns of a tab that works on the folds of a pipeline. During a turn, nothing else changes these folds. */
export interface Turns {
  /** Whether a turn is under way. Nothing is decided outside of one. */
  readonly isOn: boolean
  /** Runs a step in a turn, after the pipeline has folded what it knows of. */
  runStep(step: () => Promise<void>): Promise<void>
  /** Folds the next commit as the pipeline does. */
  fold(record: CommitRecord): void
}

/** One tab's state of one log: the fold of `1..head`, and its own pending commands on top. */
export interface Tab extends CommandQueue {
  readonly model: AnyModel
  readonly types: EventTypesAtRuntime
  readonly folds: readonly Fold[]
  /** The read model for commands. It throws for projections that have failed. */
  readonly commandRead: object
  /** undefined in memory. */
  database?: Database | undefined
  readonly reserve: () => Promise<Reserve>
  logId: string
  channel?: Channel | undefined
  /** The event types in the log, by `typeKey`. */
  readonly stored: Set<string>
  /** The last event that is committed and applied. */
  head: number
  /** `head` plus the number of events of local and pending commands. */
  tip: number
  state: 'ready' | 'outdated' | 'failed' | 'closed'
  error?: Error | undefined
  /** True if the log has to be read, because it may be ahead. */
  behind: boolean
  catchingUp?: boolean
  /** The last step was an append, so that commands without events are settled next. */
  appended?: boolean
  /** After failed appends, the time before which none begins, by `performance.now()`. */
  appendFrom?: number
  /** Set while the log can't be read. */
  trouble?: Trouble | undefined
  /** Set if the folds belong to a pipeline. Rows of pending commands never stay in them. */
  readonly turns?: Turns | undefined
  /** A command that failed because the disk is full. Something has to be deleted for it. */
  full?: Pending | undefined
  /** Set for a log with a remote: the local commands between `1..head` and the pending commands. */
  layer?: Layer<Tab> | undefined
  /** Extra writes for the transaction of the first record that this tab appends. */
  first?: ExtraWrite | undefined
  /** Set for a model with drafts. */
  drafts?: OpenDrafts | undefined
  /** Reports a change. `read` says whether rows changed. */
  changed(read: boolean): void
  /**
   * Starts the loop that catches up, appends and settles. If the log could not be read, brings the next try forward.
   */
  pump(): void
  /** Releases everything that the tab holds, because it is closed now. */
  over(error: Error): void
}

export const typeKey = (type: string, version = 1): string => `${version} ${type}`

/**
 * Undoes the pending commands, calls `change`, and decides the commands again on the new state, also if `change`
 * throws. Subscribers are called once, at the end.
 */
export function rebase(tab: Tab, change: () => void): void {
  tab.layer?.finish()
  takeBackAll(tab)
  try {
    change()
  } finally {
    decideAll(tab)
    tab.changed(true)
  }
}

function takeBackAll({ pending }: Tab): void {
  for (const { decision } of [...pending].reverse()) undo(decision.journal)
}

/**
 * Decides all pending commands, each on top of the one before. The folds of a pipeline are persisted, so there the rows
 * of the commands are undone again.
 */
function decideAll(tab: Tab): void {
  const { turns } = tab
  tab.tip = tab.head
  tab.layer?.putOn()
  if (turns && !turns.isOn) return
  for (const pending of tab.pending) {
    pending.decision = decideNow(tab, pending)
    pending.version++
  }
  if (turns) takeBackAll(tab)
}

/** The name of the command that is being decided, in any engine of this page. */
let deciding: string | undefined
let nested: Error | undefined

/**
 * Development only. Throws if a command is being decided: it may be decided again, and would repeat the call each time.
 */
export function refuseInside(refusal: (outer: string) => Error): void {
  if (deciding === undefined) return
  nested = refusal(deciding)
  throw nested
}

/** Decides a command on the present state and applies its events: all of them or none. */
export function decideNow(tab: Tab, command: Command): Decided {
  const { id, name, input, meta, context } = command
  const journal: Journal = []
  context.restart()
  try {
    if (__DEV__) {
      nested = undefined
      deciding = name
    }
    const stored = command.decide ? command.decide(command) : decide(tab.model, name, tab.commandRead, input, context)
    for (const interceptor of tab.interceptors) interceptor.decided(command, stored)
    const events = recordedOf({ id, at: context.now, meta, events: stored }, tab.tip + 1, tab.types)
    for (const event of events) for (const fold of tab.folds) if (!fold.failed) fold.apply(event, journal)
    // The command may have ignored the promise that was rejected.
    if (__DEV__ && nested) throw nested
    tab.tip += events.length
    return { stored, events, journal }
  } catch (error) {
    undo(journal)
    for (const interceptor of tab.interceptors) interceptor.decided(command, undefined)
    return { stored: [], events: [], journal, error }
  } finally {
    if (__DEV__) deciding = undefined
  }
}

/**
 * Applies the next commit of the log as a whole, and answers the pending commands that it holds. Only inside `rebase`.
 * If the commit can't be applied, throws `CorruptLog`, `OutdatedCodeError`, or `ModelError` if an upcast fails.
 */
export function applyCommit(tab: Tab, record: CommitRecord): void {
  try {
    if (record.last > tab.head && tab.state === 'ready') advance(tab, record)
  } finally {
    match(tab, record)
    tab.layer?.arrived(record)
  }
}

/** Applies a commit. Never skips a hole or an event that this code can't read (guarantees 1 and 10). */
function advance(tab: Tab, record: CommitRecord): void {
  const events = eventsOf(record, tab.types)
  if (record.first !== tab.head + 1) throw new CorruptLog(tab.head + 1)
  tab.layer?.takeBack()
  if (tab.turns) tab.turns.fold(record)
  else for (const fold of tab.folds) foldCommit(fold, record, events, tab.layer?.journal ?? [])
  for (const { type, version } of events) tab.stored.add(typeKey(type, version))
  tab.head = record.last
}

/**
 * Answers the pending commands that a record of the log holds; they are never decided again (rule 5). If the record is
 * one of the command's own attempts, it settles as appended. Otherwise the id was used before: the record is its first
 * answer, or there is a conflict.
 */
export function match(tab: Tab, record: CommitRecord): void {
  if (!tab.pending.length) return
  let sequence = record.first
  for (const command of readableCommandsOf(record)) {
    const pending = tab.pending.find(({ id }) => id === command.id)
    const { length } = command.events
    if (pending) answer(tab, pending, command, sequence, record.id)
    sequence += length
  }
}

/** The commands of a record. A corrupt record has none here; `advance` reports it. */
function readableCommandsOf(record: CommitRecord): readonly StoredCommand[] {
  try {
    return commandsOf(record)
  } catch {
    return []
  }
}

/** Answers a pending command from the log. `command` is the stored command, `sequence` that of its first event. */
export function answer(tab: Tab, pending: Pending, command: StoredCommand, sequence: number, commit: string): void {
  const strict = attemptIn(pending, commit)
  // A remote gives records other ids, so an own attempt may not be recognised. Only an id that a caller gave can be a
  // duplicate.
  const duplicate = strict === undefined && !(tab.layer && pending.fingerprint === undefined)
  if (duplicate && pending.fingerprint !== command.fingerprint) {
    failCommand(tab, pending, new CommandIdConflict(pending.id))
    return
  }
  let events: AnyRecordedEvent[] = []
  try {
    events = recordedOf(command, sequence, tab.types)
  } catch {
    // The events are in the log, but a newer build wrote them, and this code can't read them.
  }
  succeed(tab, pending, { sequence: sequence + command.events.length - 1, events, duplicate }, strict, commit)
}

/**
 * Puts the tab into a final state in which it takes no commands. Commands that are in no transaction are rejected now,
 * the others when their outcome is known. Only inside `rebase`.
 */
export function stop(tab: Tab, state: Exclude<Tab['state'], 'ready'>, error: Error): void {
  if (tab.state === 'closed') return
  tab.state = state
  tab.error = error
  tab.layer?.leave(undefined, error)
  if (state === 'closed') tab.over(error)
  for (const pending of [...tab.pending]) if (pending.phase === 'waiting') failCommand(tab, pending, error)
}
