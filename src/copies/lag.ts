import { aborting, quietly } from '../async.ts'

/** Milliseconds after which a mirror that has not written an event is `'behind'`. */
export const MIRROR_LATE_MS = 1000

/** Measures how long events wait to be written. */
export interface Lag {
  /** Notes that the log has grown. Returns true if no other event was waiting: the clock starts now. */
  hear(now: number): boolean
  /** Notes that a round begins to write all events up to now. */
  startRound(now: number): void
  /** Notes that the round is over. `whole`: it wrote all of them. */
  end(whole: boolean): void
  isLate(now: number): boolean
  /** Resolves when there is something to write, or at the signal. */
  waitForEvents(ended: AbortSignal): Promise<void>
}

export function createLag(): Lag {
  /** When the first event came that no round has begun to write. */
  let waiting: number | undefined
  /** When the first event came that the present round writes. */
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
    async waitForEvents(ended) {
      while (waiting === undefined && !ended.aborted) {
        const heard = new Promise<void>((resolve) => {
          wake = resolve
        })
        await quietly(aborting(heard, ended))
      }
    },
  }
}
