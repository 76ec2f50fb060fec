import type { Json, Key } from '../data.ts'
import { CommandRejected } from '../errors.ts'
import type { StoredEvent } from '../model/events.ts'
import type { Fold, Journal } from '../model/fold.ts'
import { stringify } from '../model/json.ts'

/** The name of a command outside the model. It carries its events, so every build and device can decide it. */
export const UNDO = 'tidemark:undo'

/** The precondition of an undo: each row that its events touch, as it was before them. */
export interface Undoing {
  readonly events: readonly StoredEvent[]
  readonly rows: readonly { readonly projection: string; readonly key: Key; readonly row: Json }[]
}

/** Describes the undo that produced these events. Their changes are in the journal. */
export function undoingOf(events: readonly StoredEvent[], journal: Journal): Undoing {
  const rows = new Map<string, Undoing['rows'][0]>()
  for (const { fold, slot, before } of journal) {
    const { name: projection } = fold
    const id = `${projection} ${typeof slot.key} ${slot.key}`
    // The first change of a row has its original value.
    if (!rows.has(id)) rows.set(id, { projection, key: slot.key, row: (before ?? null) as Json })
  }
  return { events, rows: [...rows.values()] }
}

/** Returns the events of an undo if every row that it touches is unchanged. Throws a rejection otherwise. */
export function decideUndo(folds: readonly Fold[], { events, rows }: Undoing): StoredEvent[] {
  for (const { projection, key, row } of rows) {
    const fold = folds.find(({ name }) => name === projection)
    if (!fold) continue
    if (fold.failed) throw fold.failed
    let now: unknown
    for (const slot of fold.slots) if (slot.key === key) now = slot.row
    if (stringify(now ?? null) !== stringify(row)) throw new CommandRejected('undo-conflict', { projection, key })
  }
  return [...events]
}
