import type { OpenDrafts } from '../drafts/types.ts'
import { CommandIdConflict, CorruptLog } from '../errors.ts'
import type { Inside } from '../log/append.ts'
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

/** Why a tab does not follow its log at present, and when it tries again. Times in milliseconds. */
export interface Trouble {
  /** Of the first failure, since 1970. */
  readonly since: number
  readonly error: Error
  /** Tries that failed in a row. */
  readonly tries: number
  /** When the last try ended, by `performance.now()`. */
  readonly last: number
  /** When the next one is due. `nudge` brings it forward. */
  readonly until: number
}

/** What few steps of a tab need. Its code is loaded behind the first visit's work. */
export interface Reserve {
  standOnBase(tab: Tab): Promise<void>
  makeRoom(tab: Tab, pending: Pending): Promise<void>
  decideInside(tab: Tab, commands: readonly Pending[]): Promise<'decided' | 'not whole'>
}

/** How a tab works whose folds are a pipeline's: for one turn at a time, in which nobody else changes them. */
export interface Turns {
  /** Whether a turn is under way. Nothing is decided outside of one. */
  readonly isOn: boolean
  /** Runs a step at the end of what the pipeline has folded. */
  runStep(step: () => Promise<void>): Promise<void>
  /** Folds the next commit as the pipeline does. */
  fold(record: CommitRecord): void
}

/** What one tab holds of one log: the fold of `1..head`, and its own commands on top. */
export interface Tab extends CommandQueue {
  readonly model: AnyModel
  readonly types: EventTypesAtRuntime
  readonly folds: readonly Fold[]
  /** `read` for commands: refuses projections that failed. */
  readonly commandRead: object
  /** undefined in memory. */
  database?: Database | undefined
  readonly reserve: () => Promise<Reserve>
  logId: string
  channel?: Channel | undefined
  /** Event types that the log has, as `type version`. */
  readonly stored: Set<string>
  /** Committed and applied. */
  head: number
  /** `head` and the events of everything pending. */
  tip: number
  state: 'ready' | 'outdated' | 'failed' | 'closed'
  error?: Error | undefined
  /** The log is known to be ahead. */
  behind: boolean
  catchingUp?: boolean
  /** The last step was an append: a rejection has its turn before the next one. */
  appended?: boolean
  /** Appends failed one after the other: none begins before then, by `performance.now()`. */
  appendFrom?: number
  /** The log can't be read at present. */
  trouble?: Trouble | undefined
  /** Only where the folds are a pipeline's: no row of a pending command ever stays in them. */
  readonly turns?: Turns | undefined
  /** A command that met a full disk: something has to give way to it. */
  full?: Pending | undefined
  /** Only of a log with a remote: what lies between `1..head` and the pending commands. */
  layer?: Layer<Tab> | undefined
  /** Is written with the first record that this tab appends. */
  first?: Inside | undefined
  /** Only of a model with drafts. */
  drafts?: OpenDrafts | undefined
  /** Something changed; `read` says whether rows did. */
  changed(read: boolean): void
  /** Asks for what there is to do: catching up, appending, looking. Brings the next try forward if the log could not be read. */
  pump(): void
  /** It is closed now: lets go of everything it holds. */
  over(error: Error): void
}

export const typeKey = (type: string, version = 1): string => `${version} ${type}`

/**
 * Takes pending commands back, lets `change` move what they stood on, and decides them again, also if `change` throws.
 * Subscribers are told at the end of it.
 */
export function rebase(tab: Tab, change: () => void): void {
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

/** In the folds of a pipeline, which writes them, each command is seen by the next one and by nobody else. */
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

/** The command that is being decided, in whatever tab of this page. */
let deciding: string | undefined
let nested: Error | undefined

/** What is asked for while a command is decided would be asked for again whenever it is decided again. Development only. */
export function refuseInside(refusal: (outer: string) => Error): void {
  if (deciding === undefined) return
  nested = refusal(deciding)
  throw nested
}

/** Decides on the present state, and applies: all of the command's events or none. */
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
    // The command may not have looked at the promise that was rejected.
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
 * Applies the next commit of the log, whole, and answers the commands that it holds. Only inside `rebase`. Throws what the
 * log says that can't be applied: `CorruptLog`, `OutdatedCodeError`, or `ModelError` if an upcast fails.
 */
export function applyCommit(tab: Tab, record: CommitRecord): void {
  try {
    if (record.last > tab.head && tab.state === 'ready') advance(tab, record)
  } finally {
    match(tab, record)
    tab.layer?.arrived(record)
  }
}

/** Guarantees 1 and 10: a hole, or an event that this code can't read, is never skipped. */
function advance(tab: Tab, record: CommitRecord): void {
  const events = eventsOf(record, tab.types)
  if (record.first !== tab.head + 1) throw new CorruptLog(tab.head + 1)
  tab.layer?.takeBack()
  if (tab.turns) tab.turns.fold(record)
  else for (const fold of tab.folds) foldCommit(fold, record, events, [])
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
  for (const command of readableCommandsOf(record)) {
    const pending = tab.pending.find(({ id }) => id === command.id)
    const { length } = command.events
    if (pending) answer(tab, pending, command, sequence, record.id)
    sequence += length
  }
}

/** A record that is no JSON holds no command; that it is corrupt is said by `advance`. */
function readableCommandsOf(record: CommitRecord): readonly StoredCommand[] {
  try {
    return commandsOf(record)
  } catch {
    return []
  }
}

/** Answers a command from the log: `command` is the stored one, `sequence` that of its first event. */
export function answer(tab: Tab, pending: Pending, command: StoredCommand, sequence: number, commit: string): void {
  const strict = attemptIn(pending, commit)
  // A remote gives records other ids. An id that no caller gave is nobody else's.
  const duplicate = strict === undefined && !(tab.layer && pending.fingerprint === undefined)
  if (duplicate && pending.fingerprint !== command.fingerprint) {
    failCommand(tab, pending, new CommandIdConflict(pending.id))
    return
  }
  let events: AnyRecordedEvent[] = []
  try {
    events = recordedOf(command, sequence, tab.types)
  } catch {
    // Events of a newer build: they are in the log, this code can't show them.
  }
  succeed(tab, pending, { sequence: sequence + command.events.length - 1, events, duplicate }, strict, commit)
}

/**
 * From now on the tab takes no commands. Those that no transaction has are rejected now, the others when their outcome is
 * known. Only inside `rebase`.
 */
export function stop(tab: Tab, state: Exclude<Tab['state'], 'ready'>, error: Error): void {
  if (tab.state === 'closed') return
  tab.state = state
  tab.error = error
  tab.layer?.leave(undefined, error)
  if (state === 'closed') tab.over(error)
  for (const pending of [...tab.pending]) if (pending.phase === 'waiting') failCommand(tab, pending, error)
}
