import { type AppendDetails, type Appended, appendStores, type ExtraWrite, queueAppend } from './append.ts'
import type { CommitRecord } from './commit.ts'
import { above, commitNow, type Database } from './database.ts'

/** Decides what to append once the tail after a head is known; undefined for nothing. */
export type DecideInside = (
  tail: readonly CommitRecord[],
  taken: ReadonlySet<string>,
) => { readonly record: CommitRecord; readonly beside: AppendDetails } | undefined

/**
 * Reads the records that follow `after` and adds what `decide` makes of them, in one transaction, so no other append can come between
 * (rule 4). `extra`: further writes of that transaction. Returns whether the record was added. Adds nothing if the tail is sealed or has
 * a hole.
 */
export async function appendInside(
  { transact }: Database,
  after: number,
  ids: readonly string[],
  decide: DecideInside,
  durability: 'relaxed' | 'strict',
  extra?: readonly ExtraWrite[],
): Promise<boolean> {
  let thrown: unknown
  let refused: Appended | undefined
  let added = false
  try {
    await transact(
      appendStores(extra),
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
