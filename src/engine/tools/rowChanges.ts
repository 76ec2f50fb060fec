import type { Key } from '../../data.ts'
import type { AnyRecordedEvent } from '../../model/events.ts'
import { type Fold, type Journal, undo } from '../../model/fold.ts'
import { rowsEqual } from '../../model/isEqual.ts'
import type { ReadTable, ReadValue } from '../../model/projection.ts'

/** One row that events changed; absent rows are undefined. A value is a row with key 0. */
export interface Row {
  readonly fold: Fold
  readonly key: Key
  readonly before: any
  readonly after: any
}
export type Rows = Map<Fold, Map<Key, Row>>

/** What events would change, row by row. Nothing stays changed. */
export function changesOf(folds: readonly Fold[], events: readonly AnyRecordedEvent[]): Rows {
  const rows: Rows = new Map()
  const journal: Journal = []
  try {
    for (const event of events) for (const fold of folds) if (!fold.failed) fold.apply(event, journal)
    for (const { fold, slot, before } of journal) {
      const ofFold = rows.get(fold) ?? new Map<Key, Row>()
      rows.set(fold, ofFold)
      const { key } = slot
      ofFold.set(key, {
        fold,
        key,
        before: ofFold.has(key) ? ofFold.get(key)!.before : before,
        after: rowNow(fold, key),
      })
    }
  } finally {
    undo(journal)
  }
  return rows
}

export const rowsOf = (rows: Rows): readonly Row[] => [...rows.values()].flatMap((ofFold) => [...ofFold.values()])

export function rowNow({ definition, view }: Fold, key: Key): unknown {
  return definition.into.kind === 'table' ? (view as ReadTable<unknown>).get(key) : (view as ReadValue<unknown>).value
}

/** undefined stands for the whole row, where there are no two sets of properties to compare. */
export function changedProperties(before: unknown, after: unknown): readonly (string | undefined)[] {
  if (rowsEqual(before, after)) return []
  if (!isObject(before) || !isObject(after)) return [undefined]
  return Object.keys({ ...before, ...after }).filter((property) => !rowsEqual(before[property], after[property]))
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && !!value && !Array.isArray(value)

/** A property, or the whole. */
export const pick =
  (property: string | undefined) =>
  (row: any): unknown =>
    property === undefined ? row : row?.[property]
