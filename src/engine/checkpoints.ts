import type { ProjectionFailed } from '../errors.ts'
import { fromWire } from '../log/wire.ts'
import type { Fold } from '../model/fold.ts'
import type { Checkpoints } from '../projections/workshop.ts'
import type { Core } from './core.ts'

/** A projection that lags by at most this many events is not shown as being rebuilt. */
const LAG_EVENTS = 8192

/** Whether a table is on disk only. Then only the host folds it, and a tab knows what the host reports. */
export const isOnDisk = ({ definition }: Fold): boolean => definition.into.resident === false

/** Notes the checkpoints and errors that a host reported. */
export function noteCheckpoints(core: Core, checkpoints: Checkpoints): void {
  const { persisted, projections } = core
  for (const [identity, at] of Object.entries(checkpoints)) {
    const fold = projections.find((fold) => fold.identity === identity)
    // Instead of a checkpoint, a pipeline reports only ProjectionFailed.
    const failure = typeof at === 'number' ? undefined : (fromWire(at) as ProjectionFailed)
    if (typeof at === 'number') persisted.set(identity, at)
    if (fold && isOnDisk(fold)) fold.failed = failure
    // The fold in this tab's memory may still work.
    else if (failure) core.unpersisted.set(identity, failure)
    else core.unpersisted.delete(identity)
  }
  showBuilding(core)
}

/** Updates the progress of projections that had no persisted rows when this engine opened. */
export function showBuilding({ building, persisted, progress, head }: Core): void {
  for (const fold of building) {
    const done = persisted.get(fold.identity) ?? 0
    if (!fold.failed && done < head - LAG_EVENTS) progress.set(fold.name, { phase: 'rebuild', done, total: head })
    else {
      progress.delete(fold.name)
      building.delete(fold)
    }
  }
}
