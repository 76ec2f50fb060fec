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
 * Appends to the outbox at the record's own `n`, in one round trip. `sealed`: the outbox was rewritten with a marker above the record, so
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
        // Commits before any answer: a tab that is frozen in between would keep others from the outbox.
        commitNow(transaction)
        return lowest
      },
      beside.durability,
    )
    if (outcome) return outcome
    // The lowest value is the marker, which is small, if the record came above it. A large record may not be loaded yet.
    const bottom = lowest.readyState === 'done' ? lowest.result : undefined
    if (isMarker(bottom) && bottom.n < record.n) return 'appended'
  } catch (error) {
    if (outcome) return outcome
    throw error
  }
  return (await isOutbox(database, record, beside)) ? 'appended' : 'sealed'
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

/** Finds out whether a record is above the newest marker, and deletes it if it is not. */
async function isOutbox(
  { transact }: Database,
  { n, id }: LocalRecord,
  { entries }: LocalAppendDetails,
): Promise<boolean> {
  let is = false
  await transact(['outbox', 'commands'], 'readwrite', (store) => {
    const found = store('outbox').getAll(whole())
    found.onsuccess = () => {
      const outbox = outboxOf(found.result)
      is = !!outbox && outbox.marker.n < n
      if (is) return
      for (const one of found.result) if (isLocal(one) && one.n < (outbox?.marker.n ?? 0)) store('outbox').delete(one.n)
      for (const [command] of entries) deleteIf(store('commands'), command, 'commit', id)
    }
  })
  return is
}

/** The part of a log with a remote that a tab reads in one transaction. */
export interface SharedLog extends Outbox {
  /** The next commits. */
  readonly commits: readonly CommitRecord[]
  /** There are more commits behind the head than one read returns. The caller has to read these first. */
  readonly hasMore: boolean
  /** Those of the given commands that the shared log refused. */
  readonly rejected: readonly RejectedCommand[]
}

/** The commits behind a head and the outbox. undefined if the log has no remote. `marker`: the key of the newest known marker. */
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

/** What has to be known before a command without events settles. */
export interface FoundShared {
  /** The log or the outbox has grown. */
  readonly raced: boolean
  readonly entries: ReadonlyMap<string, CommandEntry>
}

/** Are the log and the outbox at these heads, and which command ids are known? */
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

/** Decides what to append once everything behind a head is known; undefined for nothing. */
export type DecideLocal = (
  found: Outbox & { readonly commits: readonly CommitRecord[] },
  taken: ReadonlySet<string>,
) => { readonly record: LocalRecord; readonly beside: LocalAppendDetails } | undefined

/** Reads, decides and adds in one transaction, so no other append can come between. Returns whether the record was added. */
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
            const whole = segment.result === undefined && found
            const decided = whole ? decide({ ...found, commits: commits.result }, taken) : undefined
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
