import { CommandRejected } from '../../errors.ts'
import { recordedOf } from '../../log/commit.ts'
import type { AnyNew, EventTypes } from '../../model/events.ts'
import { type Journal, undo } from '../../model/fold.ts'
import { copyJson, deepFreeze } from '../../model/json.ts'
import { type CommandInput, createContext, decide } from '../../model/model.ts'
import type { Engine } from '../types.ts'
import type { RowChange } from './at.ts'
import { openCore } from './openCore.ts'
import { apply, rowsIn, rowsOf } from './rowChanges.ts'

/** What a command would do if it were dispatched now. */
export interface Preview<E extends EventTypes, P> {
  /** The events, in the order in which they would be appended. Empty if the command would do nothing or is rejected. */
  readonly events: readonly AnyNew<E>[]
  /** The rows and values that those events would change, in resident tables. */
  readonly changes: readonly RowChange<P>[]
  /** Why the command would be rejected. */
  readonly rejection?: CommandRejected
}

/**
 * Decides a command on the state that this tab shows, and takes everything back. Returns the events and row changes that a dispatch would
 * make now, or its rejection.
 * @example
 * ```ts
 * const { events, changes, rejection } = preview(engine, 'clearDone')
 * button.disabled = events.length === 0
 * button.title = rejection ? rejection.code : `removes ${changes.length} todos`
 * ```
 *
 * Nothing is appended, no listener is told and `engine.read` stays the same object. Commands that are pending count as done. Ids that the
 * command asks for are `id-1`, `id-2`, …; a dispatch draws its own. Throws what a dispatch would reject with, except for `CommandRejected`:
 * `InvalidData`, `ModelError`, `ProjectionFailed`, what the command or `evolve` threw, and the error of an engine that takes no commands.
 */
export function preview<E extends EventTypes, P, C, K extends keyof C & string>(
  engine: Engine<E, P, C>,
  command: K,
  ...given: CommandInput<C, K>
): Preview<E, P> {
  const core = openCore(engine)
  const refusal = core.refusal ?? (core.state === 'ready' ? undefined : core.error)
  if (refusal) throw refusal
  core.layer?.finish()
  const [input]: readonly unknown[] = given
  const { model, commandRead, folds, tip, types } = core
  let ids = 0
  const context = createContext(Date.now(), () => `id-${++ids}`)
  const journal: Journal = []
  try {
    const stored = decide(model, command, commandRead, copyJson(input, `command "${command}"`), context)
    const events = recordedOf({ id: 'preview', at: context.now, events: stored }, tip + 1, types)
    apply(folds, events, journal)
    return {
      // Of this model: they are made and folded by it.
      events: events.map(({ type, data }) => deepFreeze({ type, data }) as AnyNew<E>),
      changes: rowsOf(rowsIn(journal))
        .filter(({ before, after }) => before !== after)
        .map(({ fold, key, before, after }) => ({
          // The folds are the model's.
          projection: fold.name as keyof P & string,
          ...(fold.definition.into.kind === 'table' && { key }),
          before: deepFreeze(before),
          after: deepFreeze(after),
        })),
    }
  } catch (error) {
    if (error instanceof CommandRejected) return { events: [], changes: [], rejection: error }
    throw error
  } finally {
    undo(journal)
  }
}
