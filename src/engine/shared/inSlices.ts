import { createBreather, pause } from '../../slices.ts'

/** The most commands or commits in a slice, which also ends after SLICE_MS. */
const SLICE_STEPS = 200

/** Runs steps, with a pause after each slice. Returns the last value. */
export async function inSlices<T>(steps: Iterable<void, T>): Promise<T> {
  const iterator = steps[Symbol.iterator]()
  let breather = createBreather()
  for (let count = 1; ; count++) {
    const { done, value } = iterator.next()
    if (done) return value
    if (count % SLICE_STEPS && !breather.isDue) continue
    await pause()
    breather = createBreather()
  }
}

/** Runs steps to their end. */
export function runSteps<T>(steps: Iterator<void, T>): T {
  for (;;) {
    const { done, value } = steps.next()
    if (done) return value
  }
}
