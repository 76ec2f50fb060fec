import { LARGEST_HINT } from '../log/channel.ts'
import { type Beat, createBeat } from './beat.ts'
import type { Shelf } from './shelf.ts'
import type { DraftWriting } from './writing.ts'

/** Milliseconds between two hints. */
const TELL_MS = 32

/** Tells other tabs, and those who listen here, what is written here. */
export interface Telling extends Beat {
  /** Nobody writes it any more: the others need not wait for its lock. */
  left(writing: DraftWriting): void
}

export function createTelling(shelf: Shelf): Telling {
  const tells = createBeat(TELL_MS, tell)

  /** Says what is new to the other tabs and to those who listen here. */
  function tell(): void {
    for (const writing of [...shelf.writings]) {
      const { name, id, epoch, text, toldLength, toldStored, dropped, state } = writing
      const stored = dropped ? 0 : (writing.stored ?? 0)
      shelf.find(name, id)?.changed()
      // A tab that hears of it has to find it.
      if (writing.stored === undefined || state === 'over' || (toldLength === text.length && toldStored === stored))
        continue
      const more = text.slice(toldLength)
      Object.assign(writing, { toldLength: text.length, toldStored: stored })
      shelf.post({ name, id, epoch, stored, ...(more.length <= LARGEST_HINT && { offset: toldLength, text: more }) })
    }
  }

  function sayLeft(writing: DraftWriting): void {
    const { name, id, epoch, stored, toldLength, text } = writing
    const more = text.slice(toldLength)
    writing.toldLength = text.length
    if (stored !== undefined)
      shelf.post({
        name,
        id,
        epoch,
        stored,
        left: true,
        ...(more.length <= LARGEST_HINT && { offset: toldLength, text: more }),
      })
  }

  return { ...tells, left: sayLeft }
}
