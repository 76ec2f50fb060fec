import type { ExtraWrite } from '../log/append.ts'
import { DraftOver } from './draftOver.ts'
import type { Shelf } from './shelf.ts'
import type { Storing } from './storing.ts'
import type { OpenDrafts } from './types.ts'
import { beginAnew, type DraftWriting, nextPiece, noteStored } from './writing.ts'

/** Gets the text of a draft and dispatches the command that replaces it. */
export type EndDraft<R> = (text: string) => R | PromiseLike<R>

/** Ends drafts: replaces them by events. */
export interface Ending extends Pick<OpenDrafts, 'withDeletion'> {
  /** See `DraftWriter.end`. */
  end<R>(writing: DraftWriting, fn: EndDraft<R>): Promise<R>
}

/** `abandon` is called if the command that should have replaced a draft was rejected. */
export function createEnding(
  shelf: Shelf,
  storing: Pick<Storing, 'now'>,
  abandon: (writing: DraftWriting) => Promise<void>,
): Ending {
  const log = shelf.host.name
  /** The deletion that the next dispatch includes in its transaction. */
  let ending: ExtraWrite | undefined

  /** Whether no other attempt has begun since. */
  async function isOurs(writing: DraftWriting): Promise<boolean> {
    const { name, id, epoch, stored } = writing
    const drafts = shelf.storeOf()
    if (stored !== undefined) return drafts.has(name, id, epoch)
    // Nothing of this attempt is stored yet. If an older attempt is stored, this one has to replace it first.
    const piece = (await drafts.has(name, id)) && nextPiece(writing)
    if (!piece) return true
    const [wrote] = await drafts.write([piece]).catch((error) => {
      beginAnew(writing, log)
      throw error
    })
    if (wrote === 'stored') noteStored(writing, piece)
    return wrote === 'stored'
  }

  async function end<R>(writing: DraftWriting, fn: EndDraft<R>): Promise<R> {
    const { name, id } = writing
    const refuse = (): never => {
      throw new DraftOver(name, id)
    }
    if (writing.state !== 'open') refuse()
    writing.state = 'ending'
    let isTaken = false
    let result: R
    try {
      await storing.now()
      if (!(await isOurs(writing))) shelf.lose(writing)
      if (writing.state !== 'ending') refuse()
      const mine = shelf.storeOf().end(name, id, writing.epoch)
      let answer: R | PromiseLike<R>
      try {
        ending = mine
        answer = fn(writing.text)
      } finally {
        isTaken = ending !== mine
        ending = undefined
      }
      result = await answer
    } catch (error) {
      await abandon(writing)
      throw error
    }
    if (!isTaken) {
      if (__DEV__)
        console.warn(
          `tidemark: what ends the draft "${id}" dispatched nothing before its first await, so it was deleted after its event, not with it. ` +
            'Return a dispatch at once.',
        )
      await shelf.storeOf().remove(name, id, writing.epoch)
    }
    shelf.finish(writing)
    return result
  }

  return {
    end,
    withDeletion(given) {
      const mine = ending
      ending = undefined
      return mine && given ? both(mine, given) : (mine ?? given)
    },
  }
}

const both = (one: ExtraWrite, other: ExtraWrite): ExtraWrite => ({
  stores: [...one.stores, ...other.stores],
  write(store) {
    one.write(store)
    other.write(store)
  },
  keep() {
    one.keep?.()
    other.keep?.()
  },
})
