import { InvalidData, StorageError } from '../errors.ts'
import { type CommandEntry, type CommitRecord, MOST_LINE_CHARACTERS } from './commit.ts'
import { above, commitNow, type Database, type StoreName, type StoreOf } from './database.ts'
import type { TypedStore } from './stores.ts'

/**
 * The outcome of an append. `raced`: another commit took the key. `sealed`: the newest segment covers the key, so the record
 * is not part of the log. `taken`: the caller's command id is in the log already.
 */
export type Appended = 'appended' | 'raced' | 'sealed' | { readonly taken: string }

/**
 * A write in the transaction that appends a command, so that both are stored, or neither. `write` runs again if the append is retried. If
 * nothing is appended, because there are no events or an earlier receipt answers, it runs in its own transaction before the caller is told.
 */
export interface ExtraWrite {
  readonly stores: readonly StoreName[]
  /** Queues its requests at once. If it throws, the append fails as it would on a disk error. */
  write(store: StoreOf): void
  /** Called instead of `write` if the log is in memory. */
  keep?(): void
}

/** What an append writes beside its record. */
export interface AppendDetails {
  /** Event types that this record is the first to append. */
  readonly types: Iterable<readonly [type: string, version: number]>
  /** Entries of `commands`, for ids that callers gave. */
  readonly entries: readonly (readonly [id: string, CommandEntry])[]
  readonly durability: 'relaxed' | 'strict'
  readonly extra?: readonly ExtraWrite[] | undefined
}

/** The stores of an append. */
export const appendStores = (extra: readonly ExtraWrite[] = []): StoreName[] => [
  'segments',
  'commits',
  'commands',
  'types',
  ...extra.flatMap(({ stores }) => stores),
]

/** Queues the requests of an append. Calls `refused` if the log refuses one, with the reason. */
export function queueAppend(
  store: StoreOf,
  record: CommitRecord,
  { types, entries, extra }: AppendDetails,
  refused: (outcome: Appended) => void,
): void {
  const watch = (request: IDBRequest, outcome: Appended): void => {
    // When a request fails, the ones queued after it fail, too, but with AbortError.
    request.onerror = () => request.error?.name === 'ConstraintError' && refused(outcome)
  }
  assertReadable(record)
  watch(store('commits').add(record, record.first), 'raced')
  for (const [id, entry] of entries) watch(store('commands').add(entry, id), { taken: id })
  // One record per type: a set in one record would be overwritten by a stale tab.
  for (const [type, version] of types) store('types').put({ type, version }, [type, version])
  if (extra) for (const { write } of extra) write(store)
}

/** Refuses a record that is too long to be read again from a segment, an export or a mirror. */
export function assertReadable({ body }: Pick<CommitRecord, 'body'>): void {
  if (body.length > MOST_LINE_CHARACTERS)
    throw new InvalidData(`the events of a command may have ${MOST_LINE_CHARACTERS} characters, not ${body.length}`)
}

/** Appends a record under the key `record.first`, in one round trip (rule 2). */
export async function append(database: Database, record: CommitRecord, beside: AppendDetails): Promise<Appended> {
  let outcome: Appended | undefined
  let thrown: unknown
  assertReadable(record)
  try {
    const segment = await database.transact(
      appendStores(beside.extra),
      'readwrite',
      (store, transaction) => {
        const found = store('segments').getKey(above(record.first - 1))
        const add = (): void => {
          queueAppend(store, record, beside, (refused) => (outcome ??= refused))
          // Does not wait for the answers: a tab that is frozen with an open transaction would keep others from writing.
          commitNow(transaction)
        }
        // What `extra` writes can't be taken out again, so it is queued only after the look-up shows that no segment is above the record.
        if (!beside.extra) add()
        else
          found.onsuccess = () => {
            if (found.result !== undefined) {
              outcome = 'sealed'
              return
            }
            try {
              add()
            } catch (error) {
              thrown = error
              transaction.abort()
            }
          }
        return found
      },
      beside.durability,
    )
    if (outcome) return outcome
    if (segment.result === undefined) return 'appended'
  } catch (error) {
    if (outcome) return outcome
    throw thrown === undefined ? error : new StorageError('aborted', String(thrown), thrown)
  }
  // A segment covers the key, so the record is not part of the log. If it can't be deleted now, another tab deletes it
  // (rule 3).
  await takeOut(database, record, beside).catch(() => {})
  return 'sealed'
}

/** Deletes the record and the entries that an append wrote below the newest segment, if they are still its own. */
async function takeOut({ transact }: Database, { first, id }: CommitRecord, { entries }: AppendDetails): Promise<void> {
  await transact(['commits', 'commands'], 'readwrite', (store) => {
    deleteIf(store('commits'), first, 'id', id)
    for (const [command] of entries) deleteIf(store('commands'), command, 'commit', id)
  })
}

/** Deletes a record if it is still the one that was seen. */
export function deleteIf<T>(store: TypedStore<T>, key: IDBValidKey, property: keyof T, value: string): void {
  const found = store.get(key)
  found.onsuccess = () => found.result?.[property] === value && store.delete(key)
}
