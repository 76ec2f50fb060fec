import { lockName } from '../locks.ts'

/** Epochs that are written in this page or worker, for browsers without Web Locks. */
const living = new Set<string>()

/** Who writes a draft holds the lock of his epoch: it is free when his page or worker is gone. */
export interface EpochLock {
  readonly isHeld: boolean
  /** Resolves when it is held. */
  readonly granted: Promise<void>
  release(): void
  /** Of an attempt that begins anew: lets go of the epochs before. */
  releaseFormer?(): void
}

export function holdEpoch(log: string, epoch: string): EpochLock {
  living.add(epoch)
  const locks = globalThis.navigator?.locks
  const over = new AbortController()
  const released = new Promise<void>((resolve) => over.signal.addEventListener('abort', () => resolve()))
  let isHeld = !locks
  const granted = new Promise<void>((resolve) => {
    if (!locks) return resolve()
    const hold = (): Promise<void> => {
      isHeld = true
      resolve()
      return released
    }
    // Where locks are refused, drafts are written without one.
    locks.request(lockName('draft', log, epoch), { signal: over.signal }, hold).catch(hold)
  })
  return {
    get isHeld() {
      return isHeld
    },
    granted,
    release() {
      living.delete(epoch)
      over.abort()
    },
  }
}

/** Without Web Locks, nobody knows it of another page. */
export async function isWritten(log: string, epoch: string): Promise<boolean> {
  const locks = globalThis.navigator?.locks
  if (!locks) return living.has(epoch)
  return locks.request(
    lockName('draft', log, epoch),
    { mode: 'shared', ifAvailable: true },
    async (lock) => lock === null,
  )
}

/** Resolves when nobody holds it any more, or never; rejects when the signal aborts. */
export async function epochIsOver(log: string, epoch: string, signal: AbortSignal): Promise<void> {
  const locks = globalThis.navigator?.locks
  await (locks
    ? locks.request(lockName('draft', log, epoch), { mode: 'shared', signal }, () => {})
    : new Promise(() => {}))
}
