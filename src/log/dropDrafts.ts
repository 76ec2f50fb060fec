import type { Database } from './database.ts'

/** The first part of the key of a draft's later pieces. Its first piece, with the header, has 0 there. */
export const DRAFT_PIECES = 1

/** Rule 19: drops the later pieces of all drafts, on a full disk and before any page. Returns whether there were any. */
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
