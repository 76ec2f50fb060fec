import type { Key } from '../../data.ts'
import type { AnyRecordedEvent } from '../../model/events.ts'
import type { Fold, Journal } from '../../model/fold.ts'
import { rowsEqual } from '../../model/isEqual.ts'
import type { ReadTable, ReadValue } from '../../model/projection.ts'

/** One row that events changed; absent rows are undefined. A value is a row with key 0. */
export interface Row {
  readonly fold: Fold
  readonly key: Key
  readonly before: any
  readonly after: any
}
export type ChangedRows = Map<Fold, Map<Key, Row>>

/** Folds events as a commit does. `undo(journal)` takes them back. */
export function apply(folds: readonly Fold[], events: readonly AnyRecordedEvent[], journal: Journal): void {
  for (const event of events) for (const fold of folds) if (!fold.failed) fold.apply(event, journal)
}

/** The rows that a journal has changed, without its first `from` changes: each as it was before, and as it is now. */
export function rowsIn(journal: Journal, from: number = 0): ChangedRows {
  const rows: ChangedRows = new Map()
  for (const { fold, slot, before } of journal.slice(from)) {
    const ofFold = rows.get(fold) ?? new Map<Key, Row>()
    rows.set(fold, ofFold)
    const { key } = slot
    if (!ofFold.has(key)) ofFold.set(key, { fold, key, before, after: rowNow(fold, key) })
  }
  return rows
}

export const rowsOf = (rows: ChangedRows): readonly Row[] =>
  [...rows.values()].flatMap((ofFold) => [...ofFold.values()])

function rowNow({ definition, view }: Fold, key: Key): unknown {
  // The view of a fold is what its kind says.
  return definition.into.kind === 'table' ? (view as ReadTable<unknown>).get(key) : (view as ReadValue<unknown>).value
}

/** The names of the properties that differ; [undefined] for the whole row, if the two are not both objects with properties. */
export function changedProperties(before: unknown, after: unknown): readonly (string | undefined)[] {
  if (rowsEqual(before, after)) return []
  if (!isRowObject(before) || !isRowObject(after)) return [undefined]
  const changed = Object.keys({ ...before, ...after }).filter((name) => !rowsEqual(before[name], after[name]))
  // No property differs, but the contents do: of a Map or a Date, say.
  return changed.length ? changed : [undefined]
}

const isRowObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && !!value && !Array.isArray(value)

/** Reads a property of a row, or the whole row. */
export const pick =
  (property: string | undefined) =>
  (row: any): unknown =>
    property === undefined ? row : row?.[property]
