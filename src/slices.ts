/** Milliseconds of work after which the page gets a chance to render and answer. */
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

/** Cuts work into slices. `isDue`: the present slice is used up. */
export interface Breather {
  readonly isDue: boolean
  /** Pauses if the slice is used up. Throws the signal's reason. */
  rest(): Promise<void>
}

/**
 * Starts the first slice of a long piece of work.
 * @example
 * ```ts
 * const breather = createBreather(signal)
 * for (const row of rows) {
 *   fold(row)
 *   await breather.rest()
 * }
 * ```
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
