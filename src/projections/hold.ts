import { lockName } from '../locks.ts'

/**
 * The name of a lock that every tab and pipeline that uses these rows holds in shared mode, and a rebuild for its
 * build.
 */
export const holdName = (engine: string, identity: string, build = ''): string =>
  lockName('rows', engine, identity, build)

/** Holds these locks until the signal aborts. Without Web Locks it does nothing, because then nothing is ever swept. */
export function hold(names: readonly string[], signal: AbortSignal): void {
  const released = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()))
  for (const name of names)
    globalThis.navigator?.locks?.request(name, { mode: 'shared', signal }, () => released).catch(() => {})
}

/**
 * Takes this tab's own lock and resolves when it is held, until the signal aborts. A worker waits for the same lock to
 * learn that the tab is gone.
 */
export function holdAsGuest(holder: string, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const closed = new Promise((end) => signal.addEventListener('abort', end, { once: true }))
    const onGranted = (): Promise<unknown> => {
      resolve()
      return closed
    }
    const locks = globalThis.navigator?.locks
    if (locks) locks.request(lockName('holder', holder), { signal }, onGranted).catch(() => resolve())
    else resolve()
  })
}
