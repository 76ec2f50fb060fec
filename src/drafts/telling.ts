import { LARGEST_HINT } from '../log/channel.ts'
import { type Beat, createBeat } from './beat.ts'
import type { Shelf } from './shelf.ts'
import type { DraftWriting } from './writing.ts'

/** Milliseconds between two hints. */
const TELL_MS = 32

/** Sends the text that is written here to other tabs, and calls the listeners in this one. */
export interface Telling extends Beat {
  /** Tells other tabs that an attempt was abandoned, so that they need not wait for its lock. */
  tellAbandoned(writing: DraftWriting): void
}

export function createTelling(shelf: Shelf): Telling {
  const tells = createBeat(TELL_MS, tell)

  /** Posts the new text of all drafts. */
  function tell(): void {
    for (const writing of [...shelf.writings]) {
      const { name, id, epoch, text, toldLength, toldStored, dropped, state } = writing
      const stored = dropped ? 0 : (writing.stored ?? 0)
      shelf.find(name, id)?.changed()
      // A tab that gets the first hint of a draft reads it from the store, so it has to be stored before that.
      if (writing.stored === undefined || state === 'over' || (toldLength === text.length && toldStored === stored))
        continue
      const added = text.slice(toldLength)
      Object.assign(writing, { toldLength: text.length, toldStored: stored })
      shelf.post({ name, id, epoch, stored, ...(added.length <= LARGEST_HINT && { offset: toldLength, text: added }) })
    }
  }

  function tellAbandoned(writing: DraftWriting): void {
    const { name, id, epoch, stored, toldLength, text } = writing
    const added = text.slice(toldLength)
    writing.toldLength = text.length
    if (stored !== undefined)
      shelf.post({
        name,
        id,
        epoch,
        stored,
        left: true,
        ...(added.length <= LARGEST_HINT && { offset: toldLength, text: added }),
      })
  }

  return { ...tells, tellAbandoned }
}
