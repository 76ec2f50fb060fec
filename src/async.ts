/** Milliseconds of work between two chances for the page to render and answer. */
export const SLICE_MS = 12

/** Lets the page render and answer. */
export const pause = (): Promise<void> =>
  new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel()
    port1.onmessage = () => {
      port1.close()
      resolve()
    }
    port2.postMessage(0)
  })

/** Work in slices: `isDue` says that the present slice is used up, `rest` ends it. */
export interface Breather {
  readonly isDue: boolean
  /** Pauses if the slice is used up. Throws the signal's reason. */
  rest(): Promise<void>
}

/**
 * Starts the first slice of a long piece of work.
 * @example
 * const breather = createBreather(signal)
 * for (const row of rows) {
 *   fold(row)
 *   await breather.rest()
 * }
 */
export function createBreather(signal?: AbortSignal): Breather {
  let until = performance.now() + SLICE_MS
  return {
    get isDue() {
      return performance.now() >= until
    },
    async rest() {
      signal?.throwIfAborted()
      if (performance.now() < until) return
      await pause()
      signal?.throwIfAborted()
      until = performance.now() + SLICE_MS
    },
  }
}

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

/**
 * The promise, or the signal's reason, whichever comes first. `Promise.race` with a promise that never settles would
 * keep every answer in memory.
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

/** Runs tasks one after the other. A task that fails rejects its own promise and stops nobody else. */
export interface Queue {
  run<T>(task: () => Promise<T>): Promise<T>
  /** Runs the task once more after this call: callers that ask while the same function waits for its turn share that turn. */
  join(task: () => Promise<void>): Promise<void>
  /** Resolves when every task that was queued before is over. */
  idle(): Promise<void>
}

export function createQueue(): Queue {
  let last: Promise<unknown> = Promise.resolve()
  const waiting = new Map<() => Promise<void>, Promise<void>>()
  const queue: Queue = {
    run(task) {
      const result = last.then(task)
      last = result.catch(() => {})
      return result
    },
    join(task) {
      let turn = waiting.get(task)
      if (!turn) {
        turn = queue.run(() => {
          waiting.delete(task)
          return task()
        })
        waiting.set(task, turn)
      }
      return turn
    },
    async idle() {
      await last
    },
  }
  return queue
}

/** Milliseconds to wait before the next attempt: from `min`, doubled after each failure, never over `max`. */
export interface Backoff {
  next(): number
  /** An attempt went well. */
  reset(): void
}

export function createBackoff(min: number, max: number): Backoff {
  let wait = min
  return {
    next() {
      const now = wait
      wait = Math.min(max, wait * 2)
      return now
    },
    reset() {
      wait = min
    },
  }
}

/** Listeners that are told in turn. One that throws is reported to the page and keeps no other from being told. */
export interface Listeners {
  /** The same function given twice is told twice. Returns the function that ends it. */
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
