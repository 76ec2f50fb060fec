import type { ProjectionFailed } from '../errors.ts'
import { fromWire } from '../log/wire.ts'
import type { Fold } from '../model/fold.ts'
import type { Checkpoints } from '../projections/workshop.ts'
import type { Core } from './core.ts'

/** Events behind the head that nobody calls a rebuild. */
const LAG_EVENTS = 8192

/** The host alone folds such a table: what a tab knows of it is told. */
export const isOnDisk = ({ definition }: Fold): boolean => definition.into.resident === false

/** Notes what a host said of persisted projections. */
export function noteCheckpoints(core: Core, checkpoints: Checkpoints): void {
  const { persisted, projections } = core
  for (const [identity, at] of Object.entries(checkpoints)) {
    const fold = projections.find((fold) => fold.identity === identity)
    // A pipeline says nothing else of a projection without a checkpoint.
    const failure = typeof at === 'number' ? undefined : (fromWire(at) as ProjectionFailed)
    if (typeof at === 'number') persisted.set(identity, at)
    if (fold && isOnDisk(fold)) fold.failed = failure
    // This tab may well go on folding it in memory.
    else if (failure) core.unpersisted.set(identity, failure)
    else core.unpersisted.delete(identity)
  }
  showBuilding(core)
}

/** Shows how far the host is with projections of which nothing had been persisted when this engine opened. */
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
