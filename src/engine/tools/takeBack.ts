import { CommandRejected } from '../../errors.ts'
import { recordedOf } from '../../log/commit.ts'
import type { AnyRecordedEvent, StoredEvent } from '../../model/events.ts'
import { explainDecision } from '../../model/explain.ts'
import { type Journal, undo } from '../../model/fold.ts'
import { rowsEqual } from '../../model/isEqual.ts'
import { decide } from '../../model/model.ts'
import type { Core } from '../core.ts'
import type { Command } from '../pending.ts'
import { conflictOf, type Taken } from './conflict.ts'
import { apply, rowsIn, rowsOf } from './rowChanges.ts'
import type { StepCommand, UndoStep } from './steps.ts'

/** Commands that were taken back and may still explain a value: two steps as large as they get. */
const REMEMBERED_PARTS = 2_000

type UndoneRows = Pick<StepCommand, 'rows' | 'takeBack'>

/** Decides what takes commands back. */
export interface TakeBack {
  /** The part of a step that a command is which gives these events; on the state before them, which it leaves. */
  made(origin: StepCommand['origin'], stored: readonly StoredEvent[], command: Command): StepCommand
  /** The events that take a step back on the state as it is now; each part on what the one before it leaves. Throws a refusal. */
  takeBack(prior: UndoStep, step: UndoStep, command: Command): StoredEvent[]
  /** A step that took back another did not: empties it. */
  forget(step: UndoStep): void
}

export function createTakeBack(core: Core, inverses: Record<string, (...given: any[]) => unknown>): TakeBack {
  const { model, types, folds, commandRead } = core
  /** Parts that take back others, in the order in which it was asked for. */
  let takenBack: StepCommand[] = []
  let count = 0

  /** Events of `command`, after the first `after` of it. */
  const recorded = (events: readonly StoredEvent[], { id, meta, context }: Command, after = 0): AnyRecordedEvent[] =>
    recordedOf({ id, at: context.now, events, ...(meta !== undefined && { meta }) }, core.tip + after + 1, types)

  function storedOf(given: unknown): StoredEvent[] {
    if (__DEV__) explainDecision('undo', given, types)
    return [given ?? []].flat().map(types.store)
  }

  /** Asks the app for the inverse of a command, on the state before its events. */
  function invert(
    { name, input }: StepCommand['origin'],
    events: readonly AnyRecordedEvent[],
  ): StepCommand['takeBack'] {
    try {
      const inverse: unknown = inverses[name]!({ input, before: commandRead, events })
      if (typeof inverse === 'function') return (context) => storedOf(inverse(commandRead, context))
      const stored = storedOf(inverse)
      return stored.length ? () => stored : undefined
    } catch (error) {
      // The command is right, whatever becomes of its undo.
      globalThis.reportError?.(error)
      return
    }
  }

  /** The app's command once more: with the ids it had, at the time of the redo. */
  const again =
    ({ name, input, context }: StepCommand['origin']): StepCommand['takeBack'] =>
    ({ now }) => {
      context.restart()
      return decide(model, name, commandRead, input, { now, id: context.id })
    }

  /** Applies events to the folds, from where `journal` leads back. */
  function foldPart(
    origin: StepCommand['origin'],
    events: readonly AnyRecordedEvent[],
    kind: UndoStep['kind'],
    journal: Journal,
  ): UndoneRows {
    const takeBack = kind === 'undo' ? again(origin) : invert(origin, events)
    const from = journal.length
    apply(folds, events, journal)
    return { takeBack, rows: rowsIn(journal, from) }
  }

  /** What was decided after a part and has been taken back. */
  const takenAfter = ({ n }: StepCommand): Taken[] =>
    takenBack.flatMap(({ back, rows }) => (back && back.n > n ? { rows: back.rows, by: rows } : []))

  function forget(step: UndoStep): void {
    const { parts } = step
    step.parts = []
    takenBack = takenBack.filter((part) => !parts.includes(part))
  }

  function remember(part: StepCommand): void {
    takenBack.push(part)
    // A part must not hold on to all that it goes back to.
    if (takenBack.length > REMEMBERED_PARTS) takenBack.shift()!.back = undefined
  }

  return {
    made(origin, stored, command) {
      const journal: Journal = []
      try {
        return { n: ++count, origin, ...foldPart(origin, recorded(stored, command), 'command', journal) }
      } finally {
        undo(journal)
      }
    },
    takeBack(prior, step, command) {
      const journal: Journal = []
      const stored: StoredEvent[] = []
      forget(step)
      try {
        for (const back of [...prior.parts].reverse()) {
          if (!back.takeBack) continue
          const { origin } = back
          const given = back.takeBack(command.context)
          const made = foldPart(origin, recorded(given, command, stored.length), step.kind, journal)
          const conflict = conflictOf({ rows: back.rows, by: made.rows }, takenAfter(back))
          if (conflict) throw new CommandRejected('undo-conflict', { ...conflict })
          stored.push(...given)
          const part: StepCommand = { n: ++count, origin, back, ...made }
          step.parts.push(part)
          remember(part)
        }
        const hadEffect = prior.parts.some(({ rows }) => rows.size)
        const hasEffect = rowsOf(rowsIn(journal)).some(({ before, after }) => !rowsEqual(before, after))
        if (!stored.length || (hadEffect && !hasEffect)) throw new CommandRejected('undo-without-effect')
        return stored
      } catch (error) {
        forget(step)
        throw error
      } finally {
        undo(journal)
      }
    },
    forget,
  }
}
