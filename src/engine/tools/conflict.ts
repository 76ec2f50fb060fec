import type { Key } from '../../data.ts'
import { rowsEqual } from '../../model/isEqual.ts'
import { type ChangedRows, changedProperties, pick, type Row, rowsOf } from './rowChanges.ts'

/** The changes of a command (`rows`), and those of the command that takes it back (`by`). */
export interface TakenBackRows {
  readonly rows: ChangedRows
  readonly by: ChangedRows
}

/** A value that another command has written since. */
export interface Conflict {
  readonly projection: string
  readonly key?: Key
  readonly property?: string
}

/** One value of a row at four moments. */
export interface Values {
  /** Before the command. */
  readonly before: unknown
  /** The present value, if no other command has written it. */
  readonly afterCommand: unknown
  readonly now: unknown
  /** The value if the command is taken back now. */
  readonly next: unknown
}

/** Would taking back replace a value that another command has written by the old one? A sum (a count, say) never conflicts: its new value is neither. */
export function isConflict({ before, afterCommand, now, next }: Values): boolean {
  const isChanged = !rowsEqual(next, now)
  const isOldValue = rowsEqual(next, before)
  const isWrittenByOthers = !rowsEqual(now, afterCommand)
  return isChanged && isOldValue && isWrittenByOthers
}

/** The first of a command's `rows` that taking it back (`by`) must not overwrite. `later`: the commands that were taken back since. */
export function conflictOf({ rows, by }: TakenBackRows, later: readonly TakenBackRows[]): Conflict | undefined {
  for (const { fold, key, before, after } of rowsOf(rows)) {
    const change = by.get(fold)?.get(key)
    if (!change) continue
    for (const property of changedProperties(before, after)) {
      const at = pick(property)
      const values: Values = {
        before: at(before),
        afterCommand: valueAfter(at(after), later.map(rowsAt(change)), at),
        now: at(change.before),
        next: at(change.after),
      }
      const isTable = fold.definition.into.kind === 'table'
      if (isConflict(values)) return { projection: fold.name, ...(isTable && { key }), ...(property && { property }) }
    }
  }
  return
}

const rowsAt =
  ({ fold, key }: Row) =>
  ({ rows, by }: TakenBackRows): readonly [Row | undefined, Row | undefined] => [
    rows.get(fold)?.get(key),
    by.get(fold)?.get(key),
  ]

/** The value that the command left, or that later commands left when they were taken back: it may differ (a time of change, say). */
function valueAfter(
  afterCommand: unknown,
  later: readonly (readonly [Row | undefined, Row | undefined])[],
  at: (row: unknown) => unknown,
): unknown {
  let value = afterCommand
  for (const [row, by] of later) if (row && by && rowsEqual(at(row.before), value)) value = at(by.after)
  return value
}
