import { lockName } from '../locks.ts'

/** Milliseconds in which the holder of a mirror's lock lets it go by itself. */
const LET_GO_MS = 3000

/** What one does with a mirror; `taken` aborts if somebody else takes the lock away: then nothing may be changed any more. */
type Task<T> = (taken: AbortSignal) => Promise<T>

/**
 * Waits for a mirror's lock, and takes it from a holder that hangs. A worker that still follows a lost log finds out by itself
 * that the log is gone, completes the file that it is writing, and lets the lock go.
 */
export async function whenFree<T>(name: string, task: Task<T>): Promise<T> {
  const waiting = new AbortController()
  const timer = setTimeout(() => waiting.abort(), LET_GO_MS)
  const runTask: Task<T> = (taken) => {
    clearTimeout(timer)
    return task(taken)
  }
  return request(name, { signal: waiting.signal }, runTask).catch((error) => {
    if (!waiting.signal.aborted) throw error
    return atOnce(name, task)
  })
}

/** Takes a mirror's lock from its holder, who has to stop. */
export const atOnce = <T>(name: string, task: Task<T>): Promise<T> => request(name, { steal: true }, task)

async function request<T>(name: string, options: LockOptions, task: Task<T>): Promise<T> {
  const taken = new AbortController()
  try {
    return await navigator.locks.request(lockName('mirror', name), options, () => task(taken.signal))
  } catch (error) {
    taken.abort(error)
    throw error
  }
}
