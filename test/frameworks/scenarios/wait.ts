/** Frames in which a page has to show what it should: half a minute, if nothing is slow. */
const FRAMES_MAX = 1800
/** Frames in which something that must not happen could happen. */
const STILL_FRAMES = 3

export const frame = (): Promise<unknown> => new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)))

/** Waits until `read` gives what is expected, and returns what it gives then. If it never does, the test sees what it gives instead. */
export async function until<T>(read: () => T, expected: NoInfer<T>): Promise<T> {
  for (let frames = 0; read() !== expected && frames < FRAMES_MAX; frames++) await frame()
  return read()
}

/** What `read` gives after some frames, for what must not change. */
export async function still<T>(read: () => T): Promise<T> {
  for (let frames = 0; frames < STILL_FRAMES; frames++) await frame()
  return read()
}

/** Until something listens, and nothing else begins to: a framework may subscribe a while after it has painted. */
export async function mounted(listeners: { readonly count: number }): Promise<void> {
  await until(() => listeners.count > 0, true)
  for (let last = 0, frames = 0; last !== listeners.count && frames < FRAMES_MAX; frames += STILL_FRAMES) {
    last = listeners.count
    await still(() => undefined)
  }
}
