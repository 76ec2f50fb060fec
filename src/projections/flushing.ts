/**
 * Milliseconds that changed rows wait for more. If a worker dies meanwhile, a boot finds the rest in the log's tail.
 */
const FLUSH_DELAY_MS = 250
/** The longest wait for a flush, and with it for sealing. */
const FLUSH_DELAY_MAX_MS = 4000
/** Writing takes at most one part of this many of the time. */
const WRITING_SHARE = 25
/** A catch-up writes pages on its way after this many changes. */
const FLUSH_CHANGES = 8192

/** Decides when changed rows are written, not what is written. */
export interface Flushing {
  /** Counts changes that are in memory only. */
  note(changes: number): void
  /** Whether a catch-up has to write pages before it continues. */
  readonly isDue: boolean
  readonly hasChanges: boolean
  /** Asks for a flush in a while, unless one has been asked for. */
  later(): void
  /** Notes that a write of all changes begins. Call the result once the pages are written. */
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
