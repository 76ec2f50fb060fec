import { lockName } from '../locks.ts'

/** Milliseconds that the holder of a mirror's lock has to release it. */
const LET_GO_MS = 3000

/** Work under a mirror's lock. `stolen` aborts if another caller steals the lock: from then on the task may change nothing. */
type Task<T> = (stolen: AbortSignal) => Promise<T>

/**
 * Waits for a mirror's lock, and steals it from a holder that hangs. The wait is for a worker that still follows a lost log: it notices
 * that the log is gone, completes the file that it is writing, and releases the lock.
 */
export async function whenFree<T>(name: string, task: Task<T>): Promise<T> {
  const waiting = new AbortController()
  const timer = setTimeout(() => waiting.abort(), LET_GO_MS)
  const runTask: Task<T> = (stolen) => {
    clearTimeout(timer)
    return task(stolen)
  }
  return requestLock(name, { signal: waiting.signal }, runTask).catch((error) => {
    if (!waiting.signal.aborted) throw error
    return atOnce(name, task)
  })
}

/** Steals a mirror's lock at once. The signal of the former holder aborts. */
export const atOnce = <T>(name: string, task: Task<T>): Promise<T> => requestLock(name, { steal: true }, task)

async function requestLock<T>(name: string, options: LockOptions, task: Task<T>): Promise<T> {
  const stolen = new AbortController()
  try {
    return await navigator.locks.request(lockName('mirror', name), options, () => task(stolen.signal))
  } catch (error) {
    stolen.abort(error)
    throw error
  }
}
