import { aborting } from '../async.ts'
import { EngineClosed, type OutdatedCodeError, type ProjectionFailed } from '../errors.ts'
import { fromWire } from '../log/wire.ts'
import type { Fold } from '../model/fold.ts'
import type { Checkpoints } from '../projections/pipeline.ts'
import type { Core } from './core.ts'

/** Resolves when every projection that has not failed is persisted at `sequence`. */
export async function projected(core: Core, sequence: number, signal: AbortSignal | undefined): Promise<void> {
  const { projections, persisted, database } = core
  const reached = (): boolean =>
    projections.every(({ identity, failed }) => failed || (persisted.get(identity) ?? 0) >= sequence)
  for (;;) {
    signal?.throwIfAborted()
    if (core.state === 'closed') throw core.error ?? new EngineClosed('closed')
    if (core.state === 'outdated') throw core.error as OutdatedCodeError
    if (!database || reached()) return
    if (core.host && core.head >= sequence) {
      const checkpoints = await aborting(core.host.flush(), signal)
      takeUp(core, checkpoints)
      core.changed(false)
      if (reached()) return
    }
    // The host is not connected yet, or the sequence lies ahead.
    await aborting(changed(core), signal)
  }
}

export const isOnDisk = ({ definition }: Fold): boolean => definition.into.resident === false

/** What a host said of persisted projections. */
export function takeUp({ persisted, projections }: Core, checkpoints: Checkpoints): void {
  for (const [identity, at] of Object.entries(checkpoints)) {
    const fold = projections.find((fold) => fold.identity === identity)
    if (typeof at === 'number') persisted.set(identity, at)
    if (fold && isOnDisk(fold)) fold.failed = typeof at === 'number' ? undefined : (fromWire(at) as ProjectionFailed)
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
