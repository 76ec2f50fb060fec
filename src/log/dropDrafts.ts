import type { Database } from './database.ts'

/** Where the pieces of drafts begin, behind their heads: what a draft has written so far, but for its first words. */
export const DRAFT_PIECES = 1

/** Rule 19: on a full disk, drafts are dropped before pages are. Says whether there were any. */
export async function dropDrafts({ transact, hasNewer }: Database): Promise<boolean> {
  if (!hasNewer) return false
  const found = await transact(['drafts'], 'readwrite', (store) => {
    const pieces = IDBKeyRange.lowerBound([DRAFT_PIECES])
    const found = store('drafts').getKey(pieces)
    store('drafts').delete(pieces)
    return found
  })
  return found.result !== undefined
}
