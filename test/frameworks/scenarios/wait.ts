/** Frames within which a page must show a change: half a minute on an idle machine. */
const FRAMES_MAX = 1800
/** Frames in which something that must not happen could happen. */
const STILL_FRAMES = 3

export const frame = (): Promise<unknown> => new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)))

/** Waits until `read` returns the expected value, and returns the last value, so that a failing test shows it. */
export async function until<T>(read: () => T, expected: NoInfer<T>): Promise<T> {
  for (let frames = 0; read() !== expected && frames < FRAMES_MAX; frames++) await frame()
  return read()
}

/** The value of `read` after some frames, for values that must not change. */
export async function still<T>(read: () => T): Promise<T> {
  for (let frames = 0; frames < STILL_FRAMES; frames++) await frame()
  return read()
}

/** Waits until listeners exist and no more are added, because a framework may subscribe a while after it has painted. */
export async function mounted(listeners: { readonly count: number }): Promise<void> {
  await until(() => listeners.count > 0, true)
  for (let last = 0, frames = 0; last !== listeners.count && frames < FRAMES_MAX; frames += STILL_FRAMES) {
    last = listeners.count
    await still(() => undefined)
  }
}
