import { CommandIdConflict, OutdatedCodeError, ProjectionFailed } from '../errors.ts'
import { randomId } from '../ids.ts'
import { type CommitRecord, eventsOf, recordedOf, type StoredCommand } from '../log/commit.ts'
import type { LocalCommand, RejectedCommand } from '../log/local.ts'
import { toWire } from '../log/wire.ts'
import { eventTypes } from '../model/events.ts'
import { type Fold, foldCommit, type Journal, undo } from '../model/fold.ts'
import { type AnyModel, commandReadOf, createContext, decide } from '../model/model.ts'
import { decideUndo, UNDO, type Undoing } from './undoing.ts'

/** The result of deciding commands again. */
export interface DecidedAgain {
  /**
   * The commands that stay in the outbox. A command without events produced none, or was refused, after other commands of this device. This
   * becomes final only when the other commands are in the log. Then the command is decided again, so that every rejection is true for a
   * state of the shared log.
   */
  readonly kept: readonly LocalCommand[]
  readonly rejected: readonly RejectedCommand[]
  /** The commands that produce no events any more, because another device did the same. */
  readonly fulfilled: readonly LocalCommand[]
}

/** This code can't decide the commands. Nothing was decided. */
export class CannotDecide extends Error {
  readonly state: 'outdated' | 'stalled'
  constructor(state: 'outdated' | 'stalled', cause: Error) {
    super(cause.message, { cause })
    this.state = state
  }
}

/**
 * Decides commands again, in order, on the folds after the given commits. Afterwards the folds are as before. Throws CannotDecide, because a
 * build that does not know a command must not reject it (rule 6).
 */
export function decideAgain(
  model: AnyModel,
  folds: readonly Fold[],
  commits: readonly CommitRecord[],
  commands: readonly LocalCommand[],
  head: number,
): DecidedAgain {
  // A device that only reads folds the commits once, when they are in the log.
  if (!commands.length) return { kept: [], rejected: [], fulfilled: [] }
  assertKnown(model, commands)
  const types = eventTypes(model.events)
  const before = folds.map((fold) => [fold, fold.sequence, fold.failed] as const)
  const journal: Journal = []
  const kept: LocalCommand[] = []
  const rejected: RejectedCommand[] = []
  const fulfilled: LocalCommand[] = []
  try {
    for (const commit of commits) {
      const events = eventsOf(commit, types)
      for (const fold of folds) foldCommit(fold, commit, events, journal)
    }
    const read = commandReadOf(folds)
    let tip = head
    for (const { events: given, ...command } of commands) {
      const from = journal.length
      const ids = [...command.ids]
      try {
        const context = createContext(command.at, randomId, ids)
        const isUndo = command.name === UNDO
        // `undoingOf` wrote the input of an undo.
        const undoing = command.input as unknown as Undoing
        const stored = isUndo ? decideUndo(folds, undoing) : decide(model, command.name, read, command.input, context)
        for (const event of recordedOf({ ...command, events: stored }, tip + 1, types))
          for (const fold of folds) if (!fold.failed) fold.apply(event, journal)
        if (stored.length || tip > head) kept.push({ ...command, ids, events: stored, model: model.version ?? 1 })
        else fulfilled.push({ ...command, events: given })
        tip += stored.length
      } catch (error) {
        undo(journal, from)
        if (error instanceof ProjectionFailed) throw new CannotDecide('stalled', error)
        if (tip > head) kept.push({ ...command, events: [] })
        else rejected.push({ ...command, events: given, error: toWire(error), sequence: head })
      }
    }
  } finally {
    undo(journal)
    for (const [fold, sequence, failed] of before) {
      fold.sequence = sequence
      fold.failed = failed
    }
  }
  return { kept, rejected, fulfilled }
}

function assertKnown(model: AnyModel, commands: readonly LocalCommand[]): void {
  for (const { name, model: version } of commands) {
    if (name !== UNDO && !Object.hasOwn(model.commands, name))
      throw new CannotDecide('outdated', new OutdatedCodeError(`command ${name}`, version))
    if (version > (model.version ?? 1)) throw new CannotDecide('outdated', new OutdatedCodeError('commands', version))
  }
}

/** The rejection of a command whose id another command in the log has (rule 7). */
export const conflicting = ({ events, ...command }: LocalCommand, head: number): RejectedCommand => ({
  ...command,
  events,
  error: toWire(new CommandIdConflict(command.id)),
  sequence: head,
})

/** The command in the form that the log stores. */
export const storedOf = ({ id, fingerprint, at, meta, cause, device, events }: LocalCommand): StoredCommand => ({
  id,
  ...(fingerprint !== undefined && { fingerprint }),
  at,
  ...(meta !== undefined && { meta }),
  ...(cause && { cause }),
  ...(device && { device }),
  events,
})
