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
