/** A rate-limited read of something that may change all the time. */
export interface RareRead {
  /** Reads now, or later if the last read was recent. Does nothing if `version` is the same as before. */
  readIfChanged(version: unknown): void
  /** Reads now. */
  again(version: unknown): Promise<void>
  /** Call this after a failed read: the next call reads even if the version is the same. */
  forget(): void
  stop(): void
}

/** Reads at most once in `ms` milliseconds, and once more after the last change. */
export function createRareRead(ms: number, read: () => Promise<void>): RareRead {
  let known: unknown
  let isForgotten = false
  let began = Number.NEGATIVE_INFINITY
  let timer: ReturnType<typeof setTimeout> | undefined

  function again(version: unknown): Promise<void> {
    clearTimeout(timer)
    timer = undefined
    known = version
    isForgotten = false
    began = performance.now()
    return read()
  }

  return {
    readIfChanged(version) {
      if (version === known && !isForgotten) return
      clearTimeout(timer)
      const wait = began + ms - performance.now()
      if (wait > 0) timer = setTimeout(() => void again(version), wait)
      else void again(version)
    },
    again,
    forget() {
      isForgotten = true
    },
    stop: () => clearTimeout(timer),
  }
}
