import type { Json, Key } from '../data.ts'
import { CommandRejected } from '../errors.ts'
import type { StoredEvent } from '../model/events.ts'
import type { Fold, Journal } from '../model/fold.ts'
import { stringify } from '../model/json.ts'

/** The name of a command that is no command of the model: it carries its events, so every build and device can decide it. */
export const UNDO = 'tidemark:undo'

/** What an undo has to find: each row that its events touch, as it was before them. */
export interface Undoing {
  readonly events: readonly StoredEvent[]
  readonly rows: readonly { readonly projection: string; readonly key: Key; readonly row: Json }[]
}

/** The undo that gave these events, whose changes are in the journal. */
export function undoingOf(events: readonly StoredEvent[], journal: Journal): Undoing {
  const rows = new Map<string, Undoing['rows'][0]>()
  for (const { fold, slot, before } of journal) {
    const { name: projection } = fold
    const id = `${projection} ${typeof slot.key} ${slot.key}`
    // The first change of a row found it as it was.
    if (!rows.has(id)) rows.set(id, { projection, key: slot.key, row: (before ?? null) as Json })
  }
  return { events, rows: [...rows.values()] }
}

/** The events of an undo, if everything that it touches is as it was. Throws a refusal. */
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
