import { aborting } from '../async.ts'
import { EngineClosed } from '../errors.ts'
import { noteCheckpoints } from './checkpoints.ts'
import type { Core } from './core.ts'

/**
 * Resolves when every projection that has not failed is persisted up to `sequence`. Rejects with the error that ended
 * the engine.
 */
export async function projected(core: Core, sequence: number, signal: AbortSignal | undefined): Promise<void> {
  const { projections, persisted, unpersisted, database } = core
  const reached = (): boolean =>
    projections.every(
      ({ identity, failed }) => failed || unpersisted.has(identity) || (persisted.get(identity) ?? 0) >= sequence,
    )
  for (;;) {
    signal?.throwIfAborted()
    if (core.state === 'closed') throw core.error ?? new EngineClosed('closed')
    // An engine that is outdated or failed persists nothing more.
    if (core.state !== 'ready') throw core.error
    if (!database || reached()) return
    if (core.host && core.head >= sequence) {
      const checkpoints = await aborting(core.host.flush(), signal)
      noteCheckpoints(core, checkpoints)
      core.changed(false)
      if (reached()) return
    }
    // The host is not connected yet, or the sequence is above the head.
    await aborting(core.nextChange(), signal)
  }
}
