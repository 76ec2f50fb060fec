import type { CommandEntry, CommitRecord } from '../log/commit.ts'
import {
  commitNow,
  type Database,
  type LogIdentity,
  numberKeyOf,
  type StoreName,
  type StoreOf,
} from '../log/database.ts'
import { BEGINNING, type LocalRecord, type Marker, type ReadPosition, type RejectedCommand } from '../log/local.ts'
import { type Outbox, outboxOf, whole } from '../log/outboxOf.ts'
import type { TakenSegment } from './packTaken.ts'
import { type KnownSent, type Sent, sentAfter } from './sent.ts'

/**
 * The number of rewrites of the outbox after which the guard of an earlier rewrite is deleted. A follower that was frozen during more rewrites
 * may write once more before it learns that another follower has taken over.
 */
const GUARDS = 1024

/** The stored state of the outbox and the remote. */
export interface OutboxState extends Outbox {
  readonly log: LogIdentity
  /** The lowest key of the outbox that was read. Keys below it are free, or do not belong to the outbox. */
  readonly from: number
  /** The highest key of the outbox. */
  readonly newest: number
  readonly position: ReadPosition
  /** The ids of rejected commands. */
  readonly rejected: ReadonlySet<string>
  /** Own commands that are in the log, if they were read. Each write of them raises the marker's generation. */
  readonly sent?: KnownSent | undefined
}

const OUTBOX_STORES: StoreName[] = ['meta', 'outbox', 'rejected']

/** undefined if the log has no remote. `before` is an earlier state, if there is one. */
export async function readKnown({ transact }: Database, before?: OutboxState): Promise<OutboxState | undefined> {
  const from = before?.marker.n ?? 0
  const known = knownOf(await transact(OUTBOX_STORES, 'readonly', (store) => queueKnown(store, from)), from)
  return known?.marker.generation === before?.marker.generation ? known && { ...known, sent: before?.sent } : known
}

interface OutboxRequests {
  readonly log: IDBRequest<LogIdentity | undefined>
  readonly position: IDBRequest<ReadPosition | undefined>
  readonly outbox: IDBRequest<(LocalRecord | Marker)[]>
  readonly rejected: IDBRequest<IDBValidKey[]>
  readonly newest: IDBRequest<IDBCursor | null>
}

/** The requests whose results `knownOf` needs. The last one is `newest`. */
const queueKnown = (store: StoreOf, from: number): OutboxRequests => ({
  log: store('meta').get('log'),
  position: store('meta').get('remote'),
  outbox: store('outbox').getAll(whole(from)),
  rejected: store('rejected').getAllKeys(),
  newest: store('outbox').openKeyCursor(null, 'prev'),
})

function knownOf({ log, position, outbox, rejected, newest }: OutboxRequests, from: number): OutboxState | undefined {
  const found = outboxOf(outbox.result)
  return (
    found && {
      ...found,
      from,
      log: log.result!,
      newest: Math.max(numberKeyOf(newest), found.marker.n),
      position: position.result ?? BEGINNING,
      // The keys of `rejected` are ids of commands.
      rejected: new Set(rejected.result as string[]),
    }
  )
}

/** The new content of the outbox. */
export type Rewriting =
  /** The first commands are in the log unchanged and in order. The rest stays. */
  | { readonly is: 'shorter'; readonly marker: Marker; readonly rest: LocalRecord | undefined }
  /** In all other cases the rest is written above the highest key, so that each tab that appends now loses its race. */
  | { readonly is: 'new'; readonly marker: Marker; readonly records: readonly LocalRecord[] }

/** What one transaction of the remote's follower writes. */
export interface OutboxWrite {
  readonly outbox: Rewriting
  readonly commits: readonly CommitRecord[]
  /** The segment with all of the commits. Without it, each commit becomes a record. */
  readonly packed?: TakenSegment | undefined
  readonly types: Iterable<readonly [type: string, version: number]>
  /** The new entries of `commands`. undefined deletes an entry. */
  readonly entries: ReadonlyMap<string, CommandEntry | undefined>
  readonly rejected: readonly RejectedCommand[]
  /** The ids that are no longer rejected. */
  readonly settled: readonly string[]
  readonly sent: readonly Sent[]
  /** Records of own commands up to this sequence are deleted. 0 deletes none. */
  readonly forget: number
  readonly position: ReadPosition | undefined
  readonly log: LogIdentity | undefined
}

const WRITTEN: StoreName[] = ['commits', 'outbox', 'commands', 'types', 'rejected', 'sent', 'meta']

/** Queues all writes. If another tab was faster, it calls `refused` and the transaction aborts. */
function queueWriting(store: StoreOf, { from, newest }: OutboxState, writing: OutboxWrite, refused: () => void): void {
  const { outbox, commits, packed } = writing
  const watch = (request: IDBRequest): void => {
    request.onerror = () => request.error?.name === 'ConstraintError' && refused()
  }
  if (packed) {
    store('bodies').put(packed.bytes, packed.segment.body)
    store('segments').put(packed.segment, packed.segment.last)
  } else for (const commit of commits) watch(store('commits').add(commit, commit.first))
  // An outbox that another follower has rewritten is not rewritten.
  const { generation } = outbox.marker
  watch(store('outbox').add({ n: -generation, id: '', body: '[]' }, -generation))
  if (generation > GUARDS) store('outbox').delete(GUARDS - generation)
  if (outbox.is === 'shorter') {
    store('outbox').delete(IDBKeyRange.bound(from, outbox.marker.n))
    store('outbox').put(outbox.marker, outbox.marker.n)
    if (outbox.rest) store('outbox').put(outbox.rest, outbox.rest.n)
  } else {
    // No tab has appended meanwhile.
    watch(store('outbox').add(outbox.marker, outbox.marker.n))
    for (const record of outbox.records) watch(store('outbox').add(record, record.n))
    store('outbox').delete(IDBKeyRange.bound(from, newest))
  }
  for (const [id, entry] of writing.entries) {
    if (entry) store('commands').put(entry, id)
    else store('commands').delete(id)
  }
  for (const [type, version] of writing.types) store('types').put({ type, version }, [type, version])
  for (const id of writing.settled) store('rejected').delete(id)
  for (const one of writing.rejected) store('rejected').put(one, one.id)
  if (writing.forget) store('sent').delete(IDBKeyRange.upperBound(writing.forget))
  for (const [first, one] of writing.sent) store('sent').put(one, first)
  if (writing.position) store('meta').put(writing.position, 'remote')
  if (writing.log) store('meta').put(writing.log, 'log')
}

/** The state before a transaction, and what the transaction wrote. */
export interface Stored {
  readonly known: OutboxState
  readonly writing: OutboxWrite
}

/** The state after a transaction, without what tabs have appended meanwhile. */
export function afterWriting({ known, writing }: Stored): OutboxState {
  const { outbox, settled, rejected, position, log, sent, forget } = writing
  const { marker } = outbox
  const remaining = known.records.filter(({ n }) => n > marker.n)
  const records =
    outbox.is === 'new'
      ? outbox.records
      : outbox.rest
        ? remaining.map((record) => (record.n === outbox.rest?.n ? outbox.rest : record))
        : remaining
  const ids = new Set(known.rejected)
  for (const id of settled) ids.delete(id)
  for (const { id } of rejected) ids.add(id)
  return {
    marker,
    records,
    from: marker.n,
    log: log ?? known.log,
    newest: Math.max(records.at(-1)?.n ?? marker.n, outbox.is === 'new' ? 0 : known.newest),
    position: position ?? known.position,
    rejected: ids,
    sent: known.sent && sentAfter(known.sent, sent, forget),
  }
}

/** Writes a change. Returns undefined if another tab was faster. */
export async function writeOutbox(
  { transact }: Database,
  known: OutboxState,
  writing: OutboxWrite,
): Promise<Stored | undefined> {
  let raced = false
  try {
    await transact(writing.packed ? [...WRITTEN, 'segments', 'bodies'] : WRITTEN, 'readwrite', (store, transaction) => {
      const write = (): void => {
        queueWriting(store, known, writing, () => {
          raced = true
        })
        commitNow(transaction)
      }
      // Requested before any answer, because a frozen page must not hold the outbox.
      if (!writing.packed) return write()
      // A segment collides with no commit and no other segment, and after a long freeze no guard is left. So it reads the outbox first.
      const found = store('outbox').getAll(whole(known.from))
      found.onsuccess = () => {
        raced = outboxOf(found.result)?.marker.generation !== known.marker.generation
        if (raced) transaction.abort()
        else write()
      }
    })
  } catch (error) {
    if (raced) return
    throw error
  }
  return raced ? undefined : { known, writing }
}

/** Stores how far the remote was read if its messages contain no commits. */
export const writePosition = ({ transact }: Database, position: ReadPosition): Promise<unknown> =>
  transact(['meta'], 'readwrite', (store) => store('meta').put(position, 'remote'))

/** Reads, decides and writes in one transaction, so that no tab can write in between. Returns undefined if there is nothing to decide on. */
export async function writeInside(
  { transact }: Database,
  from: number,
  decide: (known: OutboxState) => OutboxWrite | undefined,
): Promise<Stored | undefined> {
  let thrown: unknown
  let stored: Stored | undefined
  let raced = false
  try {
    await transact(WRITTEN, 'readwrite', (store, transaction) => {
      const asked = queueKnown(store, from)
      asked.newest.onsuccess = () => {
        try {
          const known = knownOf(asked, from)
          const writing = known && decide(known)
          stored = known && writing && { known, writing }
          if (stored) {
            queueWriting(store, stored.known, stored.writing, () => {
              raced = true
            })
          }
          commitNow(transaction)
        } catch (error) {
          thrown = error
          transaction.abort()
        }
      }
    })
  } catch (error) {
    if (thrown ?? !raced) throw thrown ?? error
  }
  return raced ? undefined : stored
}
