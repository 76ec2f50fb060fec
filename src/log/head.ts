import { deleteIf } from './append.ts'
import type { CommandEntry } from './commit.ts'
import { above, commitNow, type Database, numberKeyOf } from './database.ts'

export interface HeadCheck {
  /** True if the log has grown past the given head. */
  readonly raced: boolean
  /** Which of the command ids are in the log. */
  readonly entries: ReadonlyMap<string, CommandEntry>
}

/**
 * Looks whether the log still ends at `head`, and which command ids it knows. Deletes entries whose commit is not part
 * of the log (rule 3).
 */
export async function checkHead({ transact }: Database, head: number, ids: readonly string[]): Promise<HeadCheck> {
  const entries = new Map<string, CommandEntry>()
  const entriesUnderSeal: [id: string, commit: string][] = []
  const raced = await transact(['segments', 'commits', 'commands'], 'readonly', (store, transaction) => {
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
          if (under.result.some((record) => record.id === commit)) entriesUnderSeal.push([id, commit])
      }
    }
    const later = [store('segments').getKey(above(head)), store('commits').getKey(above(head))]
    // Without ids, all requests are queued now, so it does not wait for the answers: a tab that is frozen with an open
    // transaction would keep others from writing.
    if (!ids.length) commitNow(transaction)
    return later
  })
  for (const [id, commit] of entriesUnderSeal) {
    entries.delete(id)
    await transact(['commands'], 'readwrite', (store) => deleteIf(store('commands'), id, 'commit', commit))
  }
  return { raced: raced.some(({ result }) => result !== undefined), entries }
}

/** Reads the log's head without the help of a checkpoint. */
export async function headOf({ transact }: Database): Promise<number> {
  const [segment, commit] = await transact(
    ['segments', 'commits'],
    'readonly',
    (store) => [store('segments').openKeyCursor(null, 'prev'), store('commits').openCursor(null, 'prev')] as const,
  )
  const { first, last } = commit.result?.value ?? { first: 0, last: 0 }
  return first > numberKeyOf(segment) ? last : numberKeyOf(segment)
}
