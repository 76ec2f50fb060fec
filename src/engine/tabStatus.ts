import type { Fold } from '../model/fold.ts'
import type { Core } from './core.ts'
import type { ProjectionStatus, Status } from './types.ts'

/** What a page may tell its user. */
export function statusOf({
  projections: all,
  database,
  persisted,
  progress,
  head,
  pending,
  state,
  worker,
  copy,
  persistent,
  error,
}: Core): Status<any> {
  const at = ({ identity, sequence }: Fold): number => persisted.get(identity) ?? sequence
  const projections: [string, ProjectionStatus][] = all.map((fold) => {
    const { name, failed, sequence } = fold
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
    projected: Math.min(head, ...all.filter(({ failed }) => !failed).map(at)),
    pending: pending.length,
    worker,
    storage: database ? (persistent ? 'persistent' : 'best-effort') : 'memory',
    projections: Object.fromEntries(projections),
    ...copy,
    ...(error && { lastError: error }),
  } satisfies Status<any>) as Status<any>
}
