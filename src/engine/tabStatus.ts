import type { ProjectionFailed } from '../errors.ts'
import type { Fold } from '../model/fold.ts'
import type { Tab } from './tab.ts'
import type { Progress, ProjectionStatus, Status, SyncStatus } from './types.ts'

/** What of an engine its status shows. */
export interface Shown extends Pick<Tab, 'database' | 'head' | 'pending' | 'state' | 'error' | 'trouble' | 'layer'> {
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
  persistent?: boolean | undefined
  /** What this tab has heard of the remote of its log. */
  sync?: Omit<SyncStatus, 'pending'> | undefined
  /** undefined if this tab knows of none. */
  reactions?: Status['reactions'] | undefined
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
  trouble,
  layer,
  sync,
  reactions = NONE,
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
    reactions,
    ...copy,
    ...((layer || sync) && { sync: { ...(sync ?? UNHEARD), pending: layer?.length ?? 0 } }),
    ...(error && { lastError: error }),
    ...(trouble && { behind: { since: trouble.since, error: trouble.error } }),
  } satisfies Status<any>)
}

const NONE = Object.freeze({})

/** Nobody has said yet where the remote stands. */
const UNHEARD: Omit<SyncStatus, 'pending'> = { state: 'offline', rejected: 0, behind: 0 }

/** The status from before, if the new one says the same: who compares them does not take it for a change. */
export const keepIfSame = (before: Status<any> | undefined, now: Status<any>): Status<any> =>
  before && isSameStatus(before, now) ? before : now

/** Errors are compared by identity, plain objects by their members. */
function isSameStatus(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true
  if (!isStatusObject(a) || !isStatusObject(b)) return false
  const keys = Object.keys(a)
  return (
    keys.length === Object.keys(b).length && keys.every((key) => Object.hasOwn(b, key) && isSameStatus(a[key], b[key]))
  )
}

const isStatusObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype
