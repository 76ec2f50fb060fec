import { aborting, quietly } from '../async.ts'

/** Milliseconds in which a mirror has to follow, or it is behind. */
export const MIRROR_LATE_MS = 1000

/** Since when events wait to be in a file. */
export interface Lag {
  /** The log has grown. True if nothing was waiting: from now on the clock runs. */
  hear(now: number): boolean
  /** A round begins to write what was heard so far. */
  startRound(now: number): void
  /** It is over; `whole`: it wrote all of that. */
  end(whole: boolean): void
  isLate(now: number): boolean
  /** Resolves when there is something to write, or at the signal. */
  news(gone: AbortSignal): Promise<void>
}

export function createLag(): Lag {
  /** When the first event came of those that no round has begun to write, and of those that one is writing. */
  let waiting: number | undefined
  let writing: number | undefined
  let wake = (): void => {}
  return {
    hear(now) {
      const first = waiting === undefined
      waiting ??= now
      wake()
      return first
    },
    startRound(now) {
      writing = waiting ?? now
      waiting = undefined
    },
    end(whole) {
      if (!whole) waiting = writing
      writing = undefined
    },
    isLate(now) {
      const since = writing ?? waiting
      return since !== undefined && now - since >= MIRROR_LATE_MS
    },
    async news(gone) {
      while (waiting === undefined && !gone.aborted) {
        const heard = new Promise<void>((resolve) => {
          wake = resolve
        })
        await quietly(aborting(heard, gone))
      }
    },
  }
}
