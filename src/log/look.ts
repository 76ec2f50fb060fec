import { type Appended, type Beside, deleteIf, queueAppend } from './append.ts'
import type { CommandEntry, CommitRecord } from './commit.ts'
import { above, commitNow, type Database, keyOf } from './database.ts'

export interface Found {
  /** The log has grown past the head that was asked about. */
  readonly moved: boolean
  /** Which of the command ids are in the log. */
  readonly entries: ReadonlyMap<string, CommandEntry>
}

/** Is `head` the log's head, and which of these command ids does the log know? An entry whose commit is no log is deleted (rule 3). */
export async function look({ transact }: Database, head: number, ids: readonly string[]): Promise<Found> {
  const entries = new Map<string, CommandEntry>()
  const left: [id: string, commit: string][] = []
  const moved = await transact(['segments', 'commits', 'commands'], 'readonly', (store, transaction) => {
    for (const id of ids) {
      const entry = store('commands').get(id)
      entry.onsuccess = () => entry.result && entries.set(id, entry.result)
    }
    const newest = store('segments').openKeyCursor(null, 'prev')
    newest.onsuccess = () => {
      if (!newest.result || !entries.size) return
      const under = store('commits').getAll(IDBKeyRange.upperBound(newest.result.key))
      under.onsuccess = () => {
        for (const [id, { commit }] of entries)
          if (under.result.some((record) => record.id === commit)) left.push([id, commit])
      }
    }
    const later = [store('segments').getKey(above(head)), store('commits').getKey(above(head))]
    // All is asked: a tab that is frozen now must not keep others from writing.
    if (!ids.length) commitNow(transaction)
    return later
  })
  for (const [id, commit] of left) {
    entries.delete(id)
    await transact(['commands'], 'readwrite', (store) => deleteIf(store('commands'), id, 'commit', commit))
  }
  return { moved: moved.some(({ result }) => result !== undefined), entries }
}

/** What goes into the log once the tail behind a head is known, or undefined. */
export type DecideInside = (
  tail: readonly CommitRecord[],
  taken: ReadonlySet<string>,
) => { readonly record: CommitRecord; readonly beside: Beside } | undefined

/**
 * Reads what stands behind `after` and adds what `decide` makes of it, in one transaction: nobody can come between
 * (rule 4). Says whether it was added; it is not where the tail is sealed or not whole.
 */
export async function appendInside(
  { transact }: Database,
  after: number,
  ids: readonly string[],
  decide: DecideInside,
  durability: 'relaxed' | 'strict',
): Promise<boolean> {
  let thrown: unknown
  let refused: Appended | undefined
  let added = false
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
            let at = after
            for (const { first, last } of tail.result) if (first === at + 1) at = last
            const whole = segment.result === undefined && at === (tail.result.at(-1)?.last ?? after)
            const decided = whole ? decide(tail.result, taken) : undefined
            if (decided) queueAppend(store, decided.record, decided.beside, (outcome) => (refused ??= outcome))
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

/** The log's head, where no checkpoint tells it. */
export async function headOf({ transact }: Database): Promise<number> {
  const [segment, commit] = await transact(
    ['segments', 'commits'],
    'readonly',
    (store) => [store('segments').openKeyCursor(null, 'prev'), store('commits').openCursor(null, 'prev')] as const,
  )
  const { first, last } = commit.result?.value ?? { first: 0, last: 0 }
  return first > keyOf(segment) ? last : keyOf(segment)
}
