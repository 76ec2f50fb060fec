/** Milliseconds that changed rows wait for company. A boot's tail covers what a lost worker had not written. */
const FLUSH_DELAY_MS = 250
/** What waits for a flush, sealing too, waits this long at most. */
const FLUSH_DELAY_MAX_MS = 4000
/** Writing takes at most one part in so many of the time. */
const WRITING_SHARE = 25
/** Changes after which pages are written in the middle of a catch-up. */
const FLUSH_CHANGES = 8192

/** Decides when changed rows are written, not what is written. */
export interface Flushing {
  /** So many changes are in memory only. */
  note(changes: number): void
  /** So much has changed that a catch-up writes on its way. */
  readonly isDue: boolean
  readonly hasChanges: boolean
  /** Asks for a flush in a while, unless one has been asked for. */
  later(): void
  /** A write begins with everything that has changed so far. Call the result when pages were written. */
  startWrite(): () => void
  stop(): void
}

export function createFlushing(flush: () => void): Flushing {
  let changes = 0
  let delay = FLUSH_DELAY_MS
  let flushed = 0
  let timer: ReturnType<typeof setTimeout> | undefined

  function stop(): void {
    clearTimeout(timer)
    timer = undefined
  }

  return {
    note(count) {
      changes += count
    },
    get isDue() {
      return changes >= FLUSH_CHANGES && Date.now() - flushed >= delay
    },
    get hasChanges() {
      return changes > 0
    },
    later() {
      timer ??= setTimeout(flush, delay)
    },
    startWrite() {
      stop()
      changes = 0
      const began = Date.now()
      return () => {
        flushed = Date.now()
        const spared = (WRITING_SHARE - 1) * (flushed - began)
        delay = Math.min(FLUSH_DELAY_MAX_MS, Math.max(FLUSH_DELAY_MS, spared))
      }
    },
    stop,
  }
}
