import { lockName } from '../locks.ts'

/**
 * Waits until this page or worker is the only holder of a log's engine in this browser, and returns the function that
 * releases it. Calls `lost` if the lock is stolen. Rejects with the signal's reason. Without Web Locks it returns at
 * once, because nobody can be excluded.
 */
export async function holdEngine(name: string, signal: AbortSignal, lost: () => void): Promise<() => void> {
  signal.throwIfAborted()
  const locks = globalThis.navigator?.locks
  if (!locks) return () => {}
  for (;;) {
    const release = await requestEngine(locks, name, signal, lost)
    if (release) return release
  }
}

/** undefined if the lock was stolen before this page or worker learned that it was granted. */
function requestEngine(
  locks: LockManager,
  name: string,
  signal: AbortSignal,
  lost: () => void,
): Promise<(() => void) | undefined> {
  return new Promise((resolve, reject) => {
    let state: 'waiting' | 'held' | 'over' = 'waiting'
    const onGranted = (): Promise<void> | undefined => {
      if (state === 'over') return
      state = 'held'
      return new Promise<void>((release) =>
        resolve(() => {
          state = 'over'
          release()
        }),
      )
    }
    locks.request(lockName('engine', name), { signal }, onGranted).catch((error) => {
      const before = state
      state = 'over'
      if (before === 'held') lost()
      else if (signal.aborted) reject(signal.reason)
      else if (error?.name === 'AbortError') resolve(undefined)
      else reject(error)
    })
  })
}
