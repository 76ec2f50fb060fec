import { lockName } from '../locks.ts'

/** Held shared by every tab and pipeline that uses these rows, and by a rebuild for its build. */
export const holdName = (engine: string, identity: string, build = ''): string =>
  lockName('rows', engine, identity, build)

/** Holds identities, or a build, until the signal; where there are no Web Locks nothing is ever swept. */
export function hold(names: readonly string[], signal: AbortSignal): void {
  const released = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()))
  for (const name of names)
    globalThis.navigator?.locks?.request(name, { mode: 'shared', signal }, () => released).catch(() => {})
}

/** Resolves when this tab holds the lock by whose end a worker learns that it is gone. It holds it until the signal. */
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
