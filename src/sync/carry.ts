import type { OpenRemote } from '../remote.ts'
import { replicators } from './registry.ts'
import { replicate } from './replicate.ts'

/**
 * Gives an adapter the code that synchronises a log with it, so that page and worker include that code. The remotes of this package have it already.
 * @example
 * ```ts
 * import type { Remote } from 'tidemark'
 * import { defineRemote } from 'tidemark/sync'
 *
 * declare function connect(log: string): Remote
 * export const remote = defineRemote((log) => connect(log))
 * ```
 */
export function defineRemote<R extends OpenRemote>(open: R): R {
  replicators.set(open, replicate)
  return open
}
