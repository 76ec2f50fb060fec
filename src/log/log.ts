import { CorruptLog } from '../errors.ts'
import { type CommandEntry, type CommitRecord, commandsOf, isCommit, type StoredCommand } from './commit.ts'
import { type Database, deleteIf } from './database.ts'

/**
 * What came of an append. `raced`: another commit took the key. `sealed`: the record fell under the newest segment and
 * is no log. `taken`: the caller's command id `id` is in the log already.
 */
export type Appended = 'appended' | 'raced' | 'sealed' | { readonly taken: string }

export interface NewTypes {
  readonly types: readonly (readonly [type: string, version: number])[]
  /** Entries of `commands`, for ids that callers gave. */
  readonly entries: readonly (readonly [id: string, CommandEntry])[]
  readonly durability: 'relaxed' | 'strict'
}

/** The event log. The same contract over IndexedDB and over memory. */
export interface Log {
  append(record: CommitRecord, beside: NewTypes): Promise<Appended>
  /**
   * Reads what stands behind `after`, in one transaction, and lets `decide` answer with the record to add: nobody can
   * come between (rule 4). `decide` gets undefined where the tail is sealed or the log is not whole.
   */
  appendInside(
    after: number,
    ids: readonly string[],
    decide: (
      tail: readonly CommitRecord[],
      taken: ReadonlySet<string>,
    ) => { record: CommitRecord; beside: NewTypes } | undefined,
    durability: 'relaxed' | 'strict',
  ): Promise<boolean>
  /** Batches of whole records behind `after` (first the one that contains `after + 1`), to the log's end. Throws CorruptLog at a hole. */
  readAfter(after: number, signal?: AbortSignal): AsyncGenerator<readonly CommitRecord[], void>
  /** Has the log grown past `head`? And which of these command ids does it know? One whose commit is no log is deleted (rule 3). */
  look(
    head: number,
    ids: readonly string[],
  ): Promise<{ readonly moved: boolean; readonly entries: ReadonlyMap<string, CommandEntry> }>
  /** A strict transaction that writes something: everything before it is on the disk. */
  flush(): Promise<void>
  close(): void
}

const above = (key: number): IDBKeyRange => IDBKeyRange.lowerBound(key + 1)
/** Events that one batch aims at; a batch is never less than one record. */
const BATCH = 4096

function queueWrites(
  store: (name: 'commits' | 'commands' | 'types') => IDBObjectStore,
  record: CommitRecord,
  { types, entries }: NewTypes,
  failed: (outcome: Appended) => void,
): void {
  const refused = (request: IDBRequest, outcome: Appended): void => {
    request.onerror = () => request.error?.name === 'ConstraintError' && failed(outcome)
  }
  refused(store('commits').add(record, record.first), 'raced')
  for (const [id, entry] of entries) refused(store('commands').add(entry, id), { taken: id })
  // One record per type: a set in one record would be overwritten by a stale tab.
  for (const [type, version] of types) store('types').put({ type, version }, [type, version])
}

export function createLog(database: Database): Log {
  const { transact } = database
  return {
    async append(record, beside) {
      let outcome: Appended | undefined
      let segment: IDBRequest<IDBValidKey | undefined>
      try {
        segment = await transact(
          ['segments', 'commits', 'commands', 'types'],
          'readwrite',
          (store, transaction) => {
            const newest = store('segments').getKey(above(record.first - 1))
            queueWrites(store, record, beside, (failed) => (outcome ??= failed))
            // Before any answer: a frozen tab must not hold the log's lock.
            transaction.commit()
            return newest
          },
          beside.durability,
        )
      } catch (error) {
        if (outcome) return outcome
        throw error
      }
      if (segment.result === undefined) return 'appended'
      // Rule 2: it is not log. What this leaves behind when it fails, rule 3 lets others delete.
      await transact(['commits', 'commands'], 'readwrite', (store) => {
        deleteIf(store('commits'), record.first, 'id', record.id)
        for (const [id] of beside.entries) deleteIf(store('commands'), id, 'commit', record.id)
      }).catch(() => {})
      return 'sealed'
    },

    async appendInside(after, ids, decide, durability) {
      let thrown: unknown
      let done = false
      try {
        await transact(
          ['segments', 'commits', 'commands', 'types'],
          'readwrite',
          (store, transaction) => {
            const segment = store('segments').getKey(above(after))
            const taken = new Set<string>()
            for (const id of ids) {
              const entry = store('commands').getKey(id)
              entry.onsuccess = () => entry.result !== undefined && taken.add(id)
            }
            const tail = store('commits').getAll(above(after))
            tail.onsuccess = () => {
              try {
                const records: readonly CommitRecord[] = tail.result
                let at = after
                for (const { first, last } of records) if (first === at + 1) at = last
                const decided =
                  segment.result === undefined && at === (records.at(-1)?.last ?? after) && decide(records, taken)
                if (decided) {
                  queueWrites(store, decided.record, decided.beside, () => {})
                  done = true
                }
                transaction.commit()
              } catch (error) {
                thrown = error
                transaction.abort()
              }
            }
          },
          durability,
        )
      } catch (error) {
        throw thrown ?? error
      }
      return done
    },

    async *readAfter(after, signal) {
      let count = 64
      for (let aligned = false; ; aligned = true) {
        signal?.throwIfAborted()
        const from = after
        // Segments and commits in one transaction: between two, a seal would look like a hole (rule 8).
        const found = await transact(['segments', 'bodies', 'commits'], 'readonly', (store) => {
          const found: { segment?: IDBRequest; body?: IDBRequest; commits?: IDBRequest<CommitRecord[]> } = {}
          const segment = (found.segment = store('segments').get(above(from)))
          const read = (first: number): void => {
            found.commits = store('commits').getAll(above(first - 1), count)
          }
          segment.onsuccess = () => {
            if (segment.result) found.body = store('bodies').get(segment.result.body)
            else if (aligned) read(from + 1)
            else {
              // The record that contains `from + 1` may start before it; what starts under the seal is not log.
              const newest = store('segments').openKeyCursor(null, 'prev')
              const floor = store('commits').openKeyCursor(IDBKeyRange.upperBound(from + 1), 'prev')
              const key = ({ result }: IDBRequest<IDBCursor | null>): number => (result?.key as number | undefined) ?? 0
              floor.onsuccess = () => read(key(floor) > key(newest) ? key(floor) : from + 1)
            }
          }
          return found
        })
        let records: readonly CommitRecord[]
        if (found.body) {
          const { unpack } = await import('./segment.ts')
          records = await unpack(found.segment?.result, found.body.result)
        } else records = found.commits?.result ?? []
        records = records.filter((record) => !isCommit(record) || record.last > from)
        for (const record of records) {
          // What comes after a read that starts inside a record is that record; everything else follows without a gap.
          if (!isCommit(record) || (aligned || after > from ? record.first !== after + 1 : record.first > after + 1))
            throw new CorruptLog(after + 1)
          after = record.last
        }
        if (after > from) {
          yield records
          count = Math.min(1024, Math.max(1, Math.ceil((count * BATCH) / Math.max(BATCH / 4, after - from))))
        } else return
      }
    },

    async look(head, ids) {
      const entries = new Map<string, CommandEntry>()
      const left: [id: string, commit: string][] = []
      const moved = await transact(['segments', 'commits', 'commands'], 'readonly', (store) => {
        for (const id of ids) {
          const entry = store('commands').get(id)
          entry.onsuccess = () => entry.result && entries.set(id, entry.result)
        }
        if (ids.length) {
          const newest = store('segments').openKeyCursor(null, 'prev')
          newest.onsuccess = () => {
            if (!newest.result) return
            const under = store('commits').getAll(IDBKeyRange.upperBound(newest.result.key))
            under.onsuccess = () => {
              for (const [id, { commit }] of entries)
                if (under.result.some((record) => record.id === commit)) left.push([id, commit])
            }
          }
        }
        return [store('segments').getKey(above(head)), store('commits').getKey(above(head))]
      })
      for (const [id, commit] of left) {
        entries.delete(id)
        await transact(['commands'], 'readwrite', (store) => deleteIf(store('commands'), id, 'commit', commit))
      }
      return { moved: moved.some(({ result }) => result !== undefined), entries }
    },

    flush: async () => {
      await transact(['meta'], 'readwrite', (store) => store('meta').put(Date.now(), 'flushed'), 'strict')
    },

    close: () => database.close(),
  }
}

/** The stored command with this id in the record that contains `sequence`, and the sequence of its first event. */
export async function readCommand(
  log: Log,
  id: string,
  sequence: number,
): Promise<{ command: StoredCommand; first: number; commit: string } | undefined> {
  for await (const [record] of log.readAfter(sequence - 1)) {
    if (!record) return
    let first = record.first
    for (const command of commandsOf(record)) {
      if (command.id === id) return { command, first, commit: record.id }
      first += command.events.length
    }
    return
  }
}
