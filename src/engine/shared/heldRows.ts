import type { Key } from '../../data.ts'
import type { Fold, Journal, Slot } from '../../model/fold.ts'
import { deepFreeze } from '../../model/json.ts'
import type { ReadTable, ReadValue } from '../../model/projection.ts'

type Rows = ReadTable<any> & ReadValue<any>

/** The rows that apps read while the folds change in slices: those from before the first change. */
export interface HeldRows {
  /** Notes the rows of changes that are undone next. */
  noteBeforeUndo(journal: Journal): void
  /** Notes what the rows were before changes that have just been made. */
  noteMade(journal: Journal): void
  /** Shows the present rows again. */
  release(): void
}

/** Only rows that change are noted, so that holding a large table costs nothing. */
export function holdRows(folds: readonly Fold[]): HeldRows {
  const held = new Map<Fold, Map<Key, Slot>>()
  const present = folds.map((fold) => {
    const before = new Map<Key, Slot>()
    held.set(fold, before)
    // A fold has the methods of tables and of values.
    const live = Object.getPrototypeOf(fold.shown) as Rows
    Object.setPrototypeOf(fold.shown, rowsBefore(fold, live, before))
    return { fold, live, before }
  })
  // The first note of a row is the row that was shown.
  const note = (fold: Fold, { key, n }: Slot, row: unknown): void => {
    const before = held.get(fold)
    if (before && !before.has(key)) before.set(key, { key, n, row })
  }
  return {
    noteBeforeUndo(journal) {
      // Of a row that was deleted and added again, the newest change has the present slot.
      for (const { fold, slot } of [...journal].reverse()) note(fold, slot, slot.row)
    },
    noteMade(journal) {
      for (const { fold, slot, before } of journal) note(fold, slot, before)
    },
    release() {
      for (const { fold, live, before } of present) {
        Object.setPrototypeOf(fold.shown, live)
        // Loads no row, but makes a new view: this one may have been read before the rows were.
        if (before.size) fold.load([], Number)
      }
    },
  }
}

/** A view of a fold in which the rows of `before` replace the present ones. */
function rowsBefore(fold: Fold, live: Rows, before: ReadonlyMap<Key, Slot>): Rows {
  const { size } = live
  let rows: readonly any[] | undefined
  const indexes = new Map<unknown, Map<unknown, any[]>>()

  function all(): readonly any[] {
    // While nothing has changed, lists stay the same objects.
    if (!before.size) return live.all()
    if (rows) return rows
    const slots = [...before.values()].filter(({ row }) => row !== undefined)
    for (const slot of fold.slots) if (!before.has(slot.key)) slots.push(slot)
    rows = Object.freeze(slots.sort((a, b) => a.n - b.n).map(({ row }) => deepFreeze(row)))
    return rows
  }
  const get = (key: Key): any => {
    const noted = before.get(key)
    return noted ? deepFreeze(noted.row) : live.get(key)
  }

  return {
    get,
    all,
    has: (key: Key) => (before.has(key) ? before.get(key)?.row !== undefined : live.has(key)),
    by(property: any, value: any) {
      if (!before.size) return live.by(property, value)
      let index = indexes.get(property)
      if (!index) {
        index = new Map()
        indexes.set(property, index)
        for (const row of all()) {
          const bucket = index.get(row[property])
          if (bucket) bucket.push(row)
          else index.set(row[property], [row])
        }
        for (const bucket of index.values()) Object.freeze(bucket)
      }
      return index.get(value) ?? NO_ROWS
    },
    size,
    get value() {
      return get(0)
    },
  }
}

const NO_ROWS: readonly never[] = Object.freeze([])
