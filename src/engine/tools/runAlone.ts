import { aborting } from '../../async.ts'
import { EngineClosed, StorageError } from '../../errors.ts'
import { lockName } from '../../locks.ts'
import type { Core } from '../core.ts'

/** Milliseconds that an engine beside a pipeline has to end its work on the log. */
const TURN_MS = 10_000

/**
 * Rule 12: runs a task while no other engine has the log open, or refuses. The task gets a function that throws if another engine
 * waits for the log by now. Rejects if the engine ends before the task began.
 */
export async function runAlone<T>(
  core: Core,
  signal: AbortSignal | undefined,
  task: (assertAlone: () => Promise<void>) => Promise<T>,
): Promise<T> {
  const { locks } = globalThis.navigator ?? {}
  if (!locks)
    throw new StorageError(
      'unavailable',
      'archive: without Web Locks it can not know whether other tabs have the log open. Serve the page over https',
    )
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
  while (!core.stepAside) {
    if (core.state !== 'ready') throw core.error ?? new EngineClosed('closed')
    await aborting(core.nextChange(), signal)
  }
  return core.stepAside(() =>
    locks.request(name, { mode: 'exclusive', ifAvailable: true }, async (lock) => {
      if (lock) return inTurn(locks, core.name, signal, () => task(assertAlone))
      const { held = [] } = await locks.query()
      return refuse(held.filter((lock) => lock.name === name))
    }),
  )
}

/** Waits until the engine beside a pipeline has ended its work on the log. That engine waits while the task runs. */
async function inTurn<T>(
  locks: LockManager,
  name: string,
  signal: AbortSignal | undefined,
  task: () => Promise<T>,
): Promise<T> {
  const late = new AbortController()
  const cancel = (): void => late.abort(signal?.reason)
  const timer = setTimeout(() => {
    const seconds = TURN_MS / 1000
    const message = `archive has to be alone: a worker has been at work on "${name}" for ${seconds} seconds. Try again.`
    late.abort(new StorageError('unavailable', message))
  }, TURN_MS)
  const settle = (): void => {
    clearTimeout(timer)
    signal?.removeEventListener('abort', cancel)
  }
  signal?.addEventListener('abort', cancel)
  try {
    return await locks.request(lockName('turn', name), { signal: late.signal }, () => {
      settle()
      return task()
    })
  } finally {
    settle()
  }
}
