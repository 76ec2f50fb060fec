import { aborting } from '../../async.ts'
import { EngineClosed, StorageError } from '../../errors.ts'
import { lockName } from '../../locks.ts'
import type { Core } from '../core.ts'
import { live } from '../part.ts'

/**
 * Rule 12: runs a task while nobody else has the log open, or refuses. The task gets a look at who came meanwhile, which
 * throws. Rejects if the engine ends before the task began.
 */
export async function alone<T>(
  core: Core,
  signal: AbortSignal | undefined,
  task: (assertAlone: () => Promise<void>) => Promise<T>,
): Promise<T> {
  const { locks } = globalThis.navigator ?? {}
  if (!locks)
    throw new StorageError('unavailable', 'archive has to be alone, and without Web Locks it can not know that')
  const name = lockName('log', core.name)
  const refuse = (clients: readonly LockInfo[]): never => {
    const ids = clients.map(({ clientId }) => clientId).join(', ')
    throw new StorageError(
      'unavailable',
      `archive has to be alone: ${clients.length} more have "${core.name}" open (${ids}). Close them and try again.`,
    )
  }
  const assertAlone = async (): Promise<void> => {
    const { pending = [] } = await locks.query()
    const others = pending.filter((lock) => lock.name === name)
    if (others.length) refuse(others)
  }
  // What steps aside comes with this part.
  await live.load(signal)
  while (!core.stepAside) {
    if (core.state !== 'ready') throw core.error ?? new EngineClosed('closed')
    await aborting(core.nextChange(), signal)
  }
  return core.stepAside(() =>
    locks.request(name, { mode: 'exclusive', ifAvailable: true }, async (lock) => {
      if (lock) return task(assertAlone)
      const { held = [] } = await locks.query()
      return refuse(held.filter((lock) => lock.name === name))
    }),
  )
}
