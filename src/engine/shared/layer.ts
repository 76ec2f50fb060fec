import { CommandIdConflict, OutdatedCodeError, ProjectionFailed } from '../../errors.ts'
import type { Taken } from '../../log/channel.ts'
import { type CommitRecord, commandsOf, recordedOf, type StoredCommand } from '../../log/commit.ts'
import { type LocalCommand, type LocalRecord, localCommandsOf, type Marker } from '../../log/local.ts'
import { type Outbox, outboxOf } from '../../log/outboxOf.ts'
import type { AnyRecordedEvent } from '../../model/events.ts'
import { type Fold, type Journal, undo } from '../../model/fold.ts'
import type { Layer } from '../layer.ts'
import { attemptIn, type Decided, failCommand, type Pending, succeed } from '../pending.ts'
import { type Tab, typeKey } from '../tab.ts'
import { runSteps } from './inSlices.ts'
import type { Verdicts } from './verdicts.ts'

/** A local command, with the changes that it made to the rows while it is applied. */
export interface LocalEntry {
  readonly command: LocalCommand
  /** The id of the outbox record that holds it. */
  record: string
  journal: Journal
  events: readonly AnyRecordedEvent[]
}

/** What was read, compared with what the tab has. */
export interface Compared {
  readonly next: readonly LocalEntry[]
  /** If the tab already shows exactly the commits and the outbox, the number of its first commands that the commits hold. */
  readonly shown: number | undefined
  /** The number of first commands whose rows stay. */
  readonly kept: number
}

/** A tab's view of the outbox of its log. */
export interface LocalLayer extends Pick<Layer<Tab>, 'length' | 'past' | 'takeBack' | 'putOn' | 'arrived'> {
  /** The highest key that this tab has seen. */
  readonly last: number
  readonly marker: Marker
  /**
   * Compares commits after the tab's head, and the outbox behind them, with what the tab has. Changes nothing. Throws
   * OutdatedCodeError for an event that this code does not know.
   */
  comparing(commits: readonly CommitRecord[], outbox: Outbox): Generator<void, Compared>
  /** Notes that commits and outbox are as the tab shows them. Changes no row. */
  confirmShown(commits: readonly CommitRecord[], outbox: Outbox, compared: Compared): void
  /** Notes that the first commands are in the log as they are shown. False if the tab shows something else. */
  confirmTaken(taken: Taken): boolean
  /** Replaces the outbox. Only inside `rebase`, or in a refold. */
  set(outbox: Outbox, compared: Compared): void
  /** Adds one record. Only inside `rebase`. */
  add(record: LocalRecord): void
  /** Moves the tab's first pending commands into this layer, after they were stored in the outbox. Their rows stay. */
  moveDown(record: LocalRecord, decisions: readonly Decided[]): void
  find(id: string): LocalCommand | undefined
  /** The steps of `takeBack` down to the first `kept` commands. Calls `note` before the changes of a command are undone. */
  takingBack(kept: number, note: (journal: Journal) => void): Generator<void>
  /** The steps of `putOn`. Calls `note` after the changes of a command were made. */
  puttingOn(note: (journal: Journal) => void): Generator<void>
}

export function createLocalLayer(
  tab: Tab,
  verdicts: Verdicts,
  stored: Parameters<typeof outboxOf>[0] | undefined,
): LocalLayer {
  let entries: LocalEntry[] = []
  /** The number of entries, from the first, whose rows are applied. */
  let on = 0
  let marker: Marker = { n: -1, base: 0, last: '', generation: -1 }
  let last = -1
  /** Folds that failed on a local event. They are no longer failed when that event is undone. */
  const failed: Fold[] = []

  const read = (record: LocalRecord): LocalEntry[] =>
    localCommandsOf(record).map((command) => {
      for (const { type, version = 1 } of command.events)
        if (!tab.types.knows(type, version)) throw new OutdatedCodeError(type, version)
      return { command, record: record.id, journal: [], events: [] }
    })

  function putOn(entry: LocalEntry): void {
    const { command, journal } = entry
    entry.events = recordedOf(command, tab.tip + 1, tab.types)
    for (const fold of tab.folds) {
      if (fold.failed) continue
      const from = journal.length
      try {
        for (const event of entry.events) fold.apply(event, journal)
      } catch (error) {
        undo(journal, from)
        fold.failed = new ProjectionFailed(fold.name, tab.tip + 1, error)
        failed.push(fold)
      }
    }
  }

  function* takingBack(count: number, note?: (journal: Journal) => void): Generator<void> {
    if (on <= count) return
    // A failed fold misses some of the rows, so all entries are undone and applied again.
    const remaining = failed.length ? 0 : count
    while (on > remaining) {
      const { journal } = entries[--on]!
      note?.(journal)
      undo(journal)
      yield
    }
    for (const fold of failed.splice(0)) fold.failed = undefined
  }
  const takeBackTo = (count: number): void => runSteps(takingBack(count))

  function* puttingOn(note?: (journal: Journal) => void): Generator<void> {
    for (const [i, entry] of entries.entries()) {
      const isOn = i < on
      try {
        if (!isOn) putOn(entry)
      } catch (error) {
        // An upcast failed. The tab ends with this error, and then shows the rows that it has.
        if (tab.state === 'ready') throw error
        return
      }
      tab.tip += entry.events.length
      if (isOn) continue
      on++
      note?.(entry.journal)
      yield
    }
  }

  function* comparing(commits: readonly CommitRecord[], { records }: Outbox): Generator<void, Compared> {
    const next: LocalEntry[] = []
    for (const record of records) {
      next.push(...read(record))
      yield
    }
    const arrived = firstIn(commits)
    const rest = entries.slice(arrived ?? 0)
    let same = 0
    while (same < Math.min(next.length, rest.length) && isSameEntry(next[same], rest[same])) {
      same++
      yield
    }
    const isShown = same === next.length && same === rest.length
    return { next, shown: isShown ? arrived : undefined, kept: commits.length ? 0 : same }
  }

  /** The number of commands in commits that continue the log, if the first entries are the same. */
  function firstIn(commits: readonly CommitRecord[]): number | undefined {
    const arrived = commits.flatMap(layerCommandsOf)
    const isContiguous = commits.every(({ first }, i) => first === (commits[i - 1]?.last ?? tab.head) + 1)
    const isSame = arrived.every((command, i) => i < on && isSameCommand(command, entries[i]?.command))
    return isContiguous && isSame && !failed.length ? arrived.length : undefined
  }

  /** Moves the first entries into the log. */
  function confirm(commits: readonly CommitRecord[], count: number): void {
    for (const { events } of entries.slice(0, count))
      for (const { type, version } of events) tab.stored.add(typeKey(type, version))
    entries = entries.slice(count)
    on -= count
    tab.head = commits.at(-1)?.last ?? tab.head
    for (const fold of tab.folds) if (!fold.failed) fold.sequence = tab.head
  }

  function note(outbox: Outbox): void {
    marker = outbox.marker
    last = outbox.records.at(-1)?.n ?? marker.n
  }

  const layer: LocalLayer = {
    get length() {
      return entries.length
    },
    get last() {
      return last
    },
    get marker() {
      return marker
    },
    past({ table, key, after = 0, before = Infinity, reverse }) {
      const local = entries.flatMap(({ events, journal }) => {
        const isMeant = table === undefined || journal.some(({ fold, slot }) => fold.name === table && slot.key === key)
        return isMeant ? events.map((event) => Object.freeze({ ...event, pending: true as const })) : []
      })
      const meant = local.filter(({ sequence }) => sequence > after && sequence < before)
      return async function* (committed) {
        if (reverse) yield* meant.reverse()
        yield* committed
        if (!reverse) yield* meant
      }
    },
    takeBack: () => takeBackTo(0),
    putOn: () => runSteps(puttingOn()),
    takingBack,
    puttingOn,
    arrived(record) {
      if (!entries.length) return
      const ids = new Set(layerCommandsOf(record).map(({ id }) => id))
      const first = entries.findIndex(({ command }) => ids.has(command.id))
      if (first < 0) return
      takeBackTo(first)
      entries = entries.filter(({ command }) => !ids.has(command.id))
    },
    comparing,
    confirmShown(commits, outbox, { next, shown = 0 }) {
      confirm(commits, shown)
      for (const [i, { record }] of next.entries()) entries[i]!.record = record
      note(outbox)
    },
    confirmTaken({ commit, marker: now }) {
      const arrived = last < now.n ? undefined : firstIn([commit])
      if (arrived === undefined) return false
      confirm([commit], arrived)
      marker = now
      return true
    },
    set(outbox, { next, kept }) {
      takeBackTo(kept)
      for (const [i, { record }] of next.slice(0, kept).entries()) entries[i]!.record = record
      entries = [...entries.slice(0, kept), ...next.slice(kept)]
      note(outbox)
      for (const { command, record } of next) answerLocal(tab, verdicts, command, record)
    },
    add(record) {
      const added = read(record)
      entries = [...entries, ...added]
      last = record.n
      for (const { command } of added) answerLocal(tab, verdicts, command, record.id)
    },
    moveDown(record, decisions) {
      const commands = localCommandsOf(record)
      for (const [i, { journal, events }] of decisions.entries())
        entries.push({ command: commands[i]!, record: record.id, journal, events })
      on = entries.length
      last = record.n
    },
    find: (id) => entries.find(({ command }) => command.id === id)?.command,
  }
  const found = stored && outboxOf(stored)
  if (found) layer.set(found, runSteps(comparing([], found)))
  return layer
}

const isSameEntry = (one: LocalEntry | undefined, other: LocalEntry | undefined): boolean =>
  (one?.record === other?.record && one?.command.id === other?.command.id) ||
  (!!one && isSameCommand(one.command, other?.command))

/** Whether both are the same command with the same events. */
export const isSameCommand = (one: StoredCommand, other: StoredCommand | undefined): boolean =>
  one.id === other?.id && JSON.stringify(one.events) === JSON.stringify(other.events)

/** The commands of a record. A corrupt record has none here; `applyCommit` reports it. */
function layerCommandsOf(record: CommitRecord): readonly StoredCommand[] {
  try {
    return commandsOf(record)
  } catch {
    return []
  }
}

/** Answers a pending command that was found in the outbox, because it is durable there. */
function answerLocal(tab: Tab, verdicts: Verdicts, command: LocalCommand, record: string): void {
  const pending = tab.pending.find(({ id }) => id === command.id)
  if (pending) answerFrom(tab, verdicts, pending, command, attemptIn(pending, record), record)
}

/**
 * Answers a command from the outbox. `strict`: whether its own attempt was written strictly; undefined if it was not
 * its own.
 */
export function answerFrom(
  tab: Tab,
  verdicts: Verdicts,
  pending: Pending,
  command: LocalCommand,
  strict?: boolean,
  record?: string,
): void {
  // Records are rewritten under other ids, so a record may be unknown. Only an id that a caller gave can be a
  // duplicate.
  const duplicate = strict === undefined && pending.fingerprint !== undefined
  if (duplicate && pending.fingerprint !== command.fingerprint)
    failCommand(tab, pending, new CommandIdConflict(pending.id))
  else succeedLocally(tab, verdicts, pending, recordedOf(command, tab.head + 1, tab.types), duplicate, strict, record)
}

/** Ends a command that is durable in the outbox. Its receipt has no sequence, because the remote has not ordered it. */
export function succeedLocally(
  tab: Tab,
  verdicts: Verdicts,
  pending: Pending,
  events: readonly AnyRecordedEvent[],
  duplicate: boolean,
  strict?: boolean,
  record?: string,
): void {
  verdicts.keep(pending, duplicate, record)
  succeed(tab, pending, { confirmed: false, events, duplicate }, strict, record)
}
