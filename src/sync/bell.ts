/** Wakes a loop that waits for work. A ring since the last `reset` ends the next wait at once. */
export interface Bell {
  /** A `loud` ring also ends the wait after a failure. */
  ring(loud?: boolean): void
  reset(): void
  /** Resolves after `ms` at the latest. With `asleep`, only a loud ring ends the wait. Rejects with the signal's reason. */
  wait(ms: number, signal: AbortSignal, asleep?: boolean): Promise<void>
}

export function createBell(): Bell {
  let rung: 'no' | 'softly' | 'loudly' = 'no'
  let wake: (() => void) | undefined
  return {
    ring(loud = false) {
      if (loud || rung === 'no') rung = loud ? 'loudly' : 'softly'
      wake?.()
    },
    reset() {
      rung = 'no'
    },
    wait: (ms, signal, asleep = false) =>
      new Promise((resolve, reject) => {
        const isOver = (): boolean => signal.aborted || rung === 'loudly' || (!asleep && rung === 'softly')
        const end = (): void => {
          clearTimeout(timer)
          wake = undefined
          signal.removeEventListener('abort', end)
          if (signal.aborted) reject(signal.reason)
          else resolve()
        }
        const timer = setTimeout(end, ms)
        wake = () => isOver() && end()
        signal.addEventListener('abort', end)
        wake()
      }),
  }
}
