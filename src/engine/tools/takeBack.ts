import { CommandRejected } from '../../errors.ts'
import { recordedOf } from '../../log/commit.ts'
import type { AnyRecordedEvent, StoredEvent } from '../../model/events.ts'
import { explainDecision } from '../../model/explain.ts'
import { type Journal, undo } from '../../model/fold.ts'
import { rowsEqual } from '../../model/isEqual.ts'
import { decide } from '../../model/model.ts'
import type { Core } from '../core.ts'
import type { Command } from '../pending.ts'
import { conflictOf, type TakenBackRows } from './conflict.ts'
import { apply, rowsIn, rowsOf } from './rowChanges.ts'
import type { StepCommand, UndoStep } from './steps.ts'

/** The most parts that are remembered to explain a present value: two steps of the largest size. */
const REMEMBERED_PARTS = 2_000

type UndoneRows = Pick<StepCommand, 'rows' | 'takeBack'>

/** Decides the events that take commands back. */
export interface TakeBack {
  /** Makes the part of a step for a command with these events. Call it on the state before them; the state stays the same. */
  createPart(origin: StepCommand['origin'], stored: readonly StoredEvent[], command: Command): StepCommand
  /** The events that take a step back. Decides the last part on the present state, and each other part on the result. Throws if it is refused. */
  takeBack(prior: UndoStep, step: UndoStep, command: Command): StoredEvent[]
  /** Empties a step whose command failed, so that it has taken back nothing. */
  forget(step: UndoStep): void
}

export function createTakeBack(core: Core, inverses: Record<string, (...given: any[]) => unknown>): TakeBack {
  const { model, types, folds, commandRead } = core
  /** The parts that take back others, in the order in which they were decided. */
  let takenBack: StepCommand[] = []
  let count = 0

  /** Events of `command` as the log would record them, after its first `after` events. */
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
      // The command goes on without an undo.
      globalThis.reportError?.(error)
      return
    }
  }

  /** Decides the app's command again: with the ids that it had, at the time of the redo. */
  const again =
    ({ name, input, context }: StepCommand['origin']): StepCommand['takeBack'] =>
    ({ now }) => {
      context.restart()
      return decide(model, name, commandRead, input, { now, id: context.id })
    }

  /** Applies events to the folds. The journal gets their changes. */
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

  /** The changes of parts that were decided after this one and have been taken back. */
  const takenAfter = ({ n }: StepCommand): TakenBackRows[] =>
    takenBack.flatMap(({ back, rows }) => (back && back.n > n ? { rows: back.rows, by: rows } : []))

  function forget(step: UndoStep): void {
    const { parts } = step
    step.parts = []
    takenBack = takenBack.filter((part) => !parts.includes(part))
  }

  function remember(part: StepCommand): void {
    takenBack.push(part)
    // Drops the link to the part that it took back: a chain of links would keep every part in memory.
    if (takenBack.length > REMEMBERED_PARTS) takenBack.shift()!.back = undefined
  }

  return {
    createPart(origin, stored, command) {
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
