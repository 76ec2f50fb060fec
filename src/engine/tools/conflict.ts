import type { Key } from '../../data.ts'
import { rowsEqual } from '../../model/isEqual.ts'
import { type ChangedRows, changedProperties, pick, type Row, rowsOf } from './rowChanges.ts'

/** What one command changed, and, if it was taken back, what taking it back changed. */
export interface Taken {
  readonly rows: ChangedRows
  readonly by: ChangedRows
}

/** A value that somebody else has written. */
export interface Conflict {
  readonly projection: string
  readonly key?: Key
  readonly property?: string
}

/** One value of a row at four moments. */
export interface Values {
  /** Before the command. */
  readonly before: unknown
  /** What is there now if nobody else has written. */
  readonly afterCommand: unknown
  readonly now: unknown
  /** If the command is taken back now. */
  readonly next: unknown
}

/** Taking back would overwrite what somebody else wrote. A sum (a count, say) is no conflict: it becomes neither value. */
export function isConflict({ before, afterCommand, now, next }: Values): boolean {
  const isChanged = !rowsEqual(next, now)
  const isOldValue = rowsEqual(next, before)
  const isWrittenByOthers = !rowsEqual(now, afterCommand)
  return isChanged && isOldValue && isWrittenByOthers
}

/** The first value among the `rows` of a command that taking it back (`by`) must not overwrite; `later`: what was taken back since. */
export function conflictOf({ rows, by }: Taken, later: readonly Taken[]): Conflict | undefined {
  for (const { fold, key, before, after } of rowsOf(rows)) {
    const change = by.get(fold)?.get(key)
    if (!change) continue
    for (const property of changedProperties(before, after)) {
      const at = pick(property)
      const values: Values = {
        before: at(before),
        afterCommand: leftBy(at(after), later.map(rowsAt(change)), at),
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
  ({ rows, by }: Taken): readonly [Row | undefined, Row | undefined] => [
    rows.get(fold)?.get(key),
    by.get(fold)?.get(key),
  ]

/** Later commands that were taken back may have left another value than there was (a time of change, say). */
function leftBy(
  afterCommand: unknown,
  later: readonly (readonly [Row | undefined, Row | undefined])[],
  at: (row: unknown) => unknown,
): unknown {
  let value = afterCommand
  for (const [row, by] of later) if (row && by && rowsEqual(at(row.before), value)) value = at(by.after)
  return value
}
