import { lockName } from '../locks.ts'

/** Epochs whose writer is in this page or worker, for browsers without Web Locks. */
const living = new Set<string>()

/** The lock of a draft's epoch. The writer holds it, so it is free when the writer's page or worker is gone. */
export interface EpochLock {
  readonly isHeld: boolean
  /** Resolves when the lock is held. */
  readonly granted: Promise<void>
  release(): void
  /** Set for an attempt that began again: releases the locks of its former epochs. */
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
    // If the browser refuses the lock, drafts are written without it.
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

/** Whether a writer of this epoch is alive. Without Web Locks, only writers in this page or worker are known. */
export async function isWritten(log: string, epoch: string): Promise<boolean> {
  const locks = globalThis.navigator?.locks
  if (!locks) return living.has(epoch)
  return locks.request(
    lockName('draft', log, epoch),
    { mode: 'shared', ifAvailable: true },
    async (lock) => lock === null,
  )
}

/** Resolves when the epoch's lock is free. Rejects when the signal aborts. Without Web Locks it never settles. */
export async function epochIsOver(log: string, epoch: string, signal: AbortSignal): Promise<void> {
  const locks = globalThis.navigator?.locks
  await (locks
    ? locks.request(lockName('draft', log, epoch), { mode: 'shared', signal }, () => {})
    : new Promise(() => {}))
}
