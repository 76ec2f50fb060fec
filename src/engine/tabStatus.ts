import type { ProjectionFailed } from '../errors.ts'
import type { Fold } from '../model/fold.ts'
import type { Tab } from './tab.ts'
import type { Progress, ProjectionStatus, Status, SyncStatus } from './types.ts'

/** The state of an engine from which its status is made. */
export interface Shown extends Pick<Tab, 'database' | 'head' | 'pending' | 'state' | 'error' | 'trouble' | 'layer'> {
  /** `folds`, and those of on-disk tables. Only the host folds on-disk tables; a tab knows what the host reports. */
  readonly projections: readonly Fold[]
  /** Persisted checkpoints by projection identity. */
  readonly persisted: Map<string, number>
  /** By projection identity, the error because of which the host keeps no rows. The fold in this tab may work. */
  readonly unpersisted: Map<string, ProjectionFailed>
  /** Rebuilds under way, by projection name. */
  readonly progress: Map<string, Progress>
  worker: Status['worker']
  /** The second copy of the log. */
  copy: Pick<Status, 'mirror' | 'restored'>
  /** True if the browser keeps this storage until the user deletes it. */
  persistent?: boolean | undefined
  /** The last report about the log's remote. */
  sync?: Omit<SyncStatus, 'pending'> | undefined
  /** The last report about reactions; undefined if there was none. */
  reactions?: Status['reactions'] | undefined
}

/** The public status of an engine. */
export function statusOf({
  projections: all,
  database,
  persisted,
  unpersisted,
  progress,
  layer,
  head: last,
  pending,
  state,
  worker,
  copy,
  persistent,
  error,
  trouble,
  sync,
  reactions = NONE,
}: Shown): Status<any> {
  const head = layer?.head ?? last
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

/** The sync status before the first report. */
const UNHEARD: Omit<SyncStatus, 'pending'> = { state: 'offline', rejected: 0, behind: 0 }

/** Returns the old status if the new one is equal, so that comparing them by identity shows no change. */
export const keepIfSame = (before: Status<any> | undefined, now: Status<any>): Status<any> =>
  before && isSameStatus(before, now) ? before : now

/** Compares plain objects by their members and everything else, errors too, by identity. */
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
