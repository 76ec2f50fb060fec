import { EngineClosed, OutdatedCodeError } from '../errors.ts'
import { createBackoff } from '../queue.ts'

/** Milliseconds after which a catch-up that failed is tried again, doubled up to the maximum. */
const CATCH_UP_MIN_MS = 1000
const CATCH_UP_MAX_MS = 30_000

/**
 * Catches up after hints, and after writes that nobody waited for. No caller waits for such a catch-up, so nobody gets
 * its error: it is retried after a while, and the next question to the pipeline fails with the same error if it lasts.
 */
export interface Later {
  /** Schedules a catch-up in a task of its own, unless one is scheduled. */
  ask(): void
  /** Schedules a retry after an error. */
  failed(error: unknown): void
  /** Resets the delay between retries. Call it after any catch-up that succeeded. */
  succeeded(): void
}

export function createLater(catchUp: () => Promise<void>, closing: AbortSignal): Later {
  const backoff = createBackoff(CATCH_UP_MIN_MS, CATCH_UP_MAX_MS)
  let asked: ReturnType<typeof setTimeout> | undefined
  let retry: ReturnType<typeof setTimeout> | undefined
  closing.addEventListener('abort', () => {
    clearTimeout(asked)
    clearTimeout(retry)
  })

  const runCatchUp = (): void => void catchUp().catch(failed)

  function failed(error: unknown): void {
    const isOver = error instanceof EngineClosed || error instanceof OutdatedCodeError || closing.aborted
    if (isOver) return
    retry ??= setTimeout(() => {
      retry = undefined
      runCatchUp()
    }, backoff.next())
  }

  return {
    ask() {
      asked ??= setTimeout(() => {
        asked = undefined
        runCatchUp()
      })
    },
    failed,
    succeeded: backoff.reset,
  }
}
