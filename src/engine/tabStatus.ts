import type { ProjectionFailed } from '../errors.ts'
import type { Fold } from '../model/fold.ts'
import type { Tab } from './tab.ts'
import type { Progress, ProjectionStatus, Status } from './types.ts'

/** What of an engine its status shows. */
export interface Shown extends Pick<Tab, 'database' | 'head' | 'pending' | 'state' | 'error'> {
  /** `folds`, and those of on-disk tables: the host folds these alone, what a tab knows of them is told. */
  readonly projections: readonly Fold[]
  /** Persisted checkpoints by projection identity. */
  readonly persisted: Map<string, number>
  /** Why a host keeps no rows of a projection that this tab may fold well, by projection identity. */
  readonly unpersisted: Map<string, ProjectionFailed>
  /** Rebuilds under way, by projection name. */
  readonly progress: Map<string, Progress>
  worker: Status['worker']
  /** The second copy of the log. */
  copy: Pick<Status, 'mirror' | 'restored'>
  /** The browser keeps this storage until the user deletes it. */
  persistent?: boolean
}

/** What a page may tell its user. */
export function statusOf({
  projections: all,
  database,
  persisted,
  unpersisted,
  progress,
  head,
  pending,
  state,
  worker,
  copy,
  persistent,
  error,
}: Shown): Status<any> {
  const at = ({ identity, sequence }: Fold): number => persisted.get(identity) ?? sequence
  const failureOf = ({ identity, failed }: Fold): ProjectionFailed | undefined => failed ?? unpersisted.get(identity)
  const projections: [string, ProjectionStatus][] = all.map((fold) => {
    const { name, sequence } = fold
    const failed = failureOf(fold)
    const building = progress.get(name)
    if (failed) return [name, { state: 'failed', sequence: failed.sequence, error: failed }]
    return [
      name,
      { state: sequence < head ? 'building' : 'ready', sequence: at(fold), ...(building && { progress: building }) },
    ]
  })
  return Object.freeze({
    state,
    sequence: head,
    projected: Math.min(head, ...all.filter((fold) => !failureOf(fold)).map(at)),
    pending: pending.length,
    worker,
    storage: database ? (persistent ? 'persistent' : 'best-effort') : 'memory',
    projections: Object.fromEntries(projections),
    ...copy,
    ...(error && { lastError: error }),
  } satisfies Status<any>) as Status<any>
}
