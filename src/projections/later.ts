import { EngineClosed, OutdatedCodeError } from '../errors.ts'
import { createBackoff } from '../queue.ts'

/** Milliseconds after which a catch-up that failed is tried again, doubled up to the maximum. */
const CATCH_UP_MIN_MS = 1000
const CATCH_UP_MAX_MS = 30_000

/** Catches up for hints, which have nobody to tell of an error: the next question gets it, and the log is read again in a while. */
export interface Later {
  /** Asks for a catch-up in a task of its own, unless one has been asked for. */
  ask(): void
  /** A catch-up went well, for any caller. */
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

  function runCatchUp(): void {
    catchUp().catch((error) => {
      const isOver = error instanceof EngineClosed || error instanceof OutdatedCodeError || closing.aborted
      if (isOver) return
      retry ??= setTimeout(() => {
        retry = undefined
        runCatchUp()
      }, backoff.next())
    })
  }

  return {
    ask() {
      asked ??= setTimeout(() => {
        asked = undefined
        runCatchUp()
      })
    },
    succeeded: backoff.reset,
  }
}
