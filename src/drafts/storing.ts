import type { StorageError } from '../errors.ts'
import { createBackoff } from '../queue.ts'
import { type Beat, createBeat } from './beat.ts'
import type { Shelf } from './shelf.ts'
import { beginAnew, nextPiece, noteStored } from './writing.ts'

/** Milliseconds between two writes to the store. */
const STORE_MS = 250
/** Milliseconds before a failed write is tried again, doubled up to the maximum. */
const STORE_DRAFT_MIN_MS = 1000
const STORE_DRAFT_MAX_MS = 30_000

/** Stores the drafts that are written here. */
export interface Storing extends Beat {
  /** Cancels the retry of a failed write. */
  rest(): void
}

/** `stored` is called after each write that succeeded. */
export function createStoring(shelf: Shelf, stored: () => void): Storing {
  const { writings, host } = shelf
  const { name: log, ended } = host
  const backoff = createBackoff(STORE_DRAFT_MIN_MS, STORE_DRAFT_MAX_MS)
  const stores = createBeat(STORE_MS, store)
  let storeFrom = 0
  let retry: ReturnType<typeof setTimeout> | undefined

  /** Writes the new text of all drafts in one transaction. */
  async function store(): Promise<void> {
    const due = [...writings].flatMap((writing) => {
      const mayStore = writing.state === 'open' || writing.state === 'abandoned' || ended.aborted
      const piece = mayStore && writing.lock.isHeld ? nextPiece(writing) : undefined
      return piece ? [{ writing, piece }] : []
    })
    // A failed write is not repeated before its delay is over.
    if (!due.length || (performance.now() < storeFrom && !ended.aborted)) return
    try {
      const wrote = await shelf.storeOf().write(due.map(({ piece }) => piece))
      backoff.reset()
      for (const [i, { writing, piece }] of due.entries()) {
        if (wrote[i] === 'stored') noteStored(writing, piece)
        else if (wrote[i] === 'dropped') writing.dropped = true
        else shelf.lose(writing)
      }
      stored()
    } catch (error) {
      // The text is still in memory. Unless the write certainly failed, a first piece may be stored: it begins again.
      const isCertain = (error as StorageError).kind === 'quota' || ended.aborted
      for (const { writing, piece } of isCertain ? [] : due) if (piece.begins) beginAnew(writing, log)
      const wait = backoff.next()
      storeFrom = performance.now() + wait
      clearTimeout(retry)
      if (!ended.aborted)
        retry = setTimeout(() => {
          // A timer may fire slightly early, and then nothing else would request the write again.
          storeFrom = 0
          stores.ask()
        }, wait)
    }
  }

  return { ...stores, rest: () => clearTimeout(retry) }
}
