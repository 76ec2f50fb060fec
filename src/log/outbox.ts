import { StorageError } from '../errors.ts'
import { type Appended, assertReadable, deleteIf, type ExtraWrite } from './append.ts'
import type { CommandEntry, CommitRecord } from './commit.ts'
import { above, commitNow, type Database, loaded, numberKeyOf, type StoreName, type StoreOf } from './database.ts'
import { isLocal, isMarker, type LocalRecord, type RejectedCommand } from './local.ts'
import { type Outbox, outboxOf, whole } from './outboxOf.ts'

/** The most attempts to read an outbox, if the connection is closed during each. */
const READ_OUTBOX_TRIES = 8
/** The most commits that are read together with the outbox. If there are more, the caller reads them first. */
const NEAR_COMMITS = 64

/** What an append to the outbox writes beside its record. */
export interface LocalAppendDetails {
  /** The key of the newest marker that the tab knows. */
  readonly marker: number
  /** Entries of `commands`, for ids that callers gave. */
  readonly entries: readonly (readonly [id: string, CommandEntry])[]
  /** Ids of rejected commands that this record sends again. */
  readonly retried: readonly string[]
  readonly durability: 'relaxed' | 'strict'
  readonly extra?: readonly ExtraWrite[] | undefined
}

/**
 * Appends to the outbox under the key `record.n`, in one round trip. `sealed`: the outbox was rewritten with a marker above the record, so
 * the record is not part of it.
 */
export async function appendLocal(
  database: Database,
  record: LocalRecord,
  beside: LocalAppendDetails,
): Promise<Appended> {
  let outcome: Appended | undefined
  try {
    const lowest = await database.transact(
      [...(beside.retried.length ? (['rejected'] as const) : []), ...localStores(beside.extra)],
      'readwrite',
      (store, transaction) => {
        queueLocal(store, record, beside, (refused) => (outcome ??= refused))
        const lowest = store('outbox').get(whole(beside.marker))
        // Does not wait for the answers: a tab that is frozen with an open transaction would keep others from the outbox.
        commitNow(transaction)
        return lowest
      },
      beside.durability,
    )
    if (outcome) return outcome
    // If the record is above the marker, the lowest value is the marker, which is small and therefore loaded. A large record may
    // not be loaded yet. In any other case `isInOutbox` looks again.
    const bottom = lowest.readyState === 'done' ? lowest.result : undefined
    if (isMarker(bottom) && bottom.n < record.n) return 'appended'
  } catch (error) {
    if (outcome) return outcome
    throw error
  }
  return (await isInOutbox(database, record, beside)) ? 'appended' : 'sealed'
}

const localStores = (extra: readonly ExtraWrite[] = []): StoreName[] => [
  'outbox',
  'commands',
  ...extra.flatMap(({ stores }) => stores),
]

function queueLocal(
  store: StoreOf,
  record: LocalRecord,
  { entries, retried, extra }: LocalAppendDetails,
  refused: (outcome: Appended) => void,
): void {
  const watch = (request: IDBRequest, outcome: Appended): void => {
    request.onerror = () => request.error?.name === 'ConstraintError' && refused(outcome)
  }
  assertReadable(record)
  watch(store('outbox').add(record, record.n), 'raced')
  for (const [id, entry] of entries) watch(store('commands').add(entry, id), { taken: id })
  for (const id of retried) store('rejected').delete(id)
  if (extra) for (const { write } of extra) write(store)
}

/** Finds out whether a record is above the newest marker. If it is not, deletes it, with all other records below the marker. */
async function isInOutbox(
  { transact }: Database,
  { n, id }: LocalRecord,
  { entries }: LocalAppendDetails,
): Promise<boolean> {
  let isIn = false
  await transact(['outbox', 'commands'], 'readwrite', (store) => {
    const found = store('outbox').getAll(whole())
    found.onsuccess = () => {
      const outbox = outboxOf(found.result)
      isIn = !!outbox && outbox.marker.n < n
      if (isIn) return
      for (const one of found.result) if (isLocal(one) && one.n < (outbox?.marker.n ?? 0)) store('outbox').delete(one.n)
      for (const [command] of entries) deleteIf(store('commands'), command, 'commit', id)
    }
  })
  return isIn
}

/** The part of a log with a remote that a tab reads in one transaction. */
export interface SharedLog extends Outbox {
  /** The commits after the head. */
  readonly commits: readonly CommitRecord[]
  /** There are more commits after the head than one read returns. The caller has to read these first. */
  readonly hasMore: boolean
  /** Those of the given commands that the shared log refused. */
  readonly rejected: readonly RejectedCommand[]
}

/** Reads the commits after a head, and the outbox. undefined if the log has no remote. `marker`: the key of the newest known marker. */
export async function readShared(
  database: Database,
  head: number,
  marker: number,
  ids: readonly string[] = [],
): Promise<SharedLog | undefined> {
  for (let tries = 0; tries < READ_OUTBOX_TRIES; tries++) {
    const stores: StoreName[] = ['segments', 'commits', 'outbox']
    if (ids.length) stores.push('rejected')
    const { segment, commits, outbox, rejected } = await database.transact(stores, 'readonly', (store, transaction) => {
      const requests = {
        segment: store('segments').getKey(above(head)),
        commits: store('commits').getAll(above(head), NEAR_COMMITS),
        outbox: store('outbox').getAll(whole(marker)),
        rejected: ids.map((id) => store('rejected').get(id)),
      }
      commitNow(transaction)
      return requests
    })
    // A transaction that did not wait for its answers may be complete before a large value is loaded.
    let isLoaded = true
    for (const request of [commits, outbox, ...rejected])
      isLoaded &&= request.readyState === 'done' || (await loaded(database, request))
    if (!isLoaded) continue
    const stored = outboxOf(outbox.result)
    const hasMore = segment.result !== undefined || commits.result.length === NEAR_COMMITS
    const refused = rejected.flatMap(({ result }) => result ?? [])
    return stored && { ...stored, commits: commits.result, hasMore, rejected: refused }
  }
  throw new StorageError('closed')
}

/** What a tab has to know before it settles a command without events. */
export interface FoundShared {
  /** True if the log or the outbox has grown. */
  readonly raced: boolean
  readonly entries: ReadonlyMap<string, CommandEntry>
}

/** Looks whether the log and the outbox still end at these heads, and which of the command ids are known. */
export async function lookShared(
  { transact }: Database,
  head: number,
  last: number,
  ids: readonly string[],
): Promise<FoundShared> {
  const { segment, commit, newest, found } = await transact(
    ['segments', 'commits', 'outbox', 'commands'],
    'readonly',
    (store, transaction) => {
      const requests = {
        segment: store('segments').getKey(above(head)),
        commit: store('commits').getKey(above(head)),
        newest: store('outbox').openKeyCursor(null, 'prev'),
        found: ids.map((id) => [id, store('commands').get(id)] as const),
      }
      commitNow(transaction)
      return requests
    },
  )
  return {
    raced: segment.result !== undefined || commit.result !== undefined || numberKeyOf(newest) !== last,
    entries: new Map(found.flatMap(([id, { result }]) => (result ? [[id, result] as const] : []))),
  }
}

/** Deletes the entry of a command whose record is no longer in the outbox. */
export const forgetEntry = ({ transact }: Database, id: string, { commit }: CommandEntry): Promise<void> =>
  transact(['commands'], 'readwrite', (store) => deleteIf(store('commands'), id, 'commit', commit))

/** Decides what to append, once everything after a head is known; undefined for nothing. */
export type DecideLocal = (
  found: Outbox & { readonly commits: readonly CommitRecord[] },
  taken: ReadonlySet<string>,
) => { readonly record: LocalRecord; readonly beside: LocalAppendDetails } | undefined

/** Reads, decides and adds in one transaction, so no other append can come between these steps. Returns whether the record was added. */
export async function appendLocalInside(
  { transact }: Database,
  after: number,
  marker: number,
  ids: readonly string[],
  decide: DecideLocal,
  durability: 'relaxed' | 'strict',
  extra?: readonly ExtraWrite[],
): Promise<boolean> {
  let thrown: unknown
  let refused: Appended | undefined
  let added = false
  try {
    await transact(
      ['segments', 'commits', 'rejected', ...localStores(extra)],
      'readwrite',
      (store, transaction) => {
        const segment = store('segments').getKey(above(after))
        const taken = new Set<string>()
        for (const id of ids) {
          const entry = store('commands').getKey(id)
          entry.onsuccess = () => entry.result !== undefined && taken.add(id)
        }
        const commits = store('commits').getAll(above(after))
        const outbox = store('outbox').getAll(whole(marker))
        outbox.onsuccess = () => {
          try {
            const found = outboxOf(outbox.result)
            const isWhole = segment.result === undefined && found
            const decided = isWhole ? decide({ ...found, commits: commits.result }, taken) : undefined
            if (decided) queueLocal(store, decided.record, decided.beside, (outcome) => (refused ??= outcome))
            added = !!decided
            commitNow(transaction)
          } catch (error) {
            thrown = error
            transaction.abort()
          }
        }
      },
      durability,
    )
  } catch (error) {
    if (refused) return false
    throw thrown ?? error
  }
  return added && !refused
}
