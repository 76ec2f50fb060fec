/** Resolves after `ms`; rejects with the signal's reason as soon as it aborts. Leaves no listener and no timer behind. */
export function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason)
    const abort = (): void => {
      clearTimeout(timer)
      reject(signal?.reason)
    }
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', abort)
      resolve()
    }, ms)
    signal?.addEventListener('abort', abort, { once: true })
  })
}

/** Resolves when the task is over, also if it failed. */
export const quietly = (task: Promise<unknown>): Promise<unknown> => task.catch(() => {})

/**
 * Settles as the promise does, or rejects with the signal's reason, whichever comes first. `Promise.race` with a promise that never
 * settles would keep every answer in memory.
 */
export function aborting<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return promise
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason)
    if (signal.aborted) abort()
    signal.addEventListener('abort', abort, { once: true })
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort))
  })
}

/** Listeners that are called in turn. If one throws, its error is reported to the page, and the others are still called. */
export interface Listeners {
  /** A function that is added twice is called twice. Returns the function that removes it. */
  add(listener: () => void): () => void
  tell(): void
  readonly size: number
}

export function createListeners(): Listeners {
  const all = new Set<() => void>()
  return {
    add(listener) {
      const one = (): void => listener()
      all.add(one)
      return () => void all.delete(one)
    },
    tell() {
      for (const listener of [...all]) {
        try {
          listener()
        } catch (error) {
          globalThis.reportError?.(error)
        }
      }
    },
    get size() {
      return all.size
    },
  }
}
