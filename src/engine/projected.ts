import { EngineClosed, type OutdatedCodeError } from '../errors.ts'
import type { Core } from './core.ts'

/** Resolves when every projection that has not failed is persisted at `sequence`. */
export async function projected(core: Core, sequence: number, signal: AbortSignal | undefined): Promise<void> {
  const { folds, persisted, database } = core
  const reached = (): boolean =>
    folds.every(({ identity, failed }) => failed || (persisted.get(identity) ?? 0) >= sequence)
  for (;;) {
    signal?.throwIfAborted()
    if (core.state === 'closed') throw core.error ?? new EngineClosed('closed')
    if (core.state === 'outdated') throw core.error as OutdatedCodeError
    if (!database || reached()) return
    if (core.host && core.head >= sequence) {
      const checkpoints = await aborting(core.host.flush(), signal)
      for (const [identity, at] of Object.entries(checkpoints)) persisted.set(identity, at)
      core.changed(false)
      if (reached()) return
    }
    // The host is not connected yet, or the sequence lies ahead.
    await aborting(changed(core), signal)
  }
}

/** Resolves at the next change, or a little later. */
export function changed(core: Core): Promise<void> {
  return new Promise((resolve) => {
    const listener = (): void => {
      clearTimeout(timer)
      core.listeners.delete(listener)
      resolve()
    }
    // Not only by changes: quota holds and failures of a pipeline end without one here.
    const timer = setTimeout(listener, 250)
    core.listeners.add(listener)
  })
}

/** The promise, or the signal's reason, whichever comes first. */
export function aborting<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return promise
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason)
    if (signal.aborted) abort()
    signal.addEventListener('abort', abort)
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort))
  })
}
