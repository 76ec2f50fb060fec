import type { Database } from '../log/database.ts'
import type { Fold } from '../model/fold.ts'
import { discardPages } from './discard.ts'
import { type BuildKey, mayBeLost, type OpenSnapshot, pagesOf, readSnapshot } from './snapshot.ts'

/** Reads of a value before it counts as lost: a browser that is busy may refuse one. */
const READ_VALUE_TRIES = 2

/**
 * The snapshot, and once more without the values that the browser has lost: Chromium keeps a value over some 64 kB in a
 * file of its own, and a read of one that is gone fails with its whole transaction, each time. Pages are a cache, so they
 * are deleted with their checkpoint and named in `discarded`. If everything can be read, this is one transaction.
 */
export async function openSnapshot(database: Database, ...given: ReadArguments): Promise<OpenSnapshot> {
  try {
    return await readSnapshot(database, ...given)
  } catch (error) {
    if (!mayBeLost(error)) throw error
    const [folds] = given
    for (const fold of folds) fold.clear()
    const lost = await findLost(database, folds)
    if (lost.length) await discardPages(database, lost)
    // Also if nothing is lost: another tab may have dropped it meanwhile. What still can't be read is no value of the cache.
    const snapshot = await readSnapshot(database, ...given)
    return { ...snapshot, discarded: [...snapshot.discarded, ...lost] }
  }
}

type ReadArguments = Parameters<typeof readSnapshot> extends [unknown, ...infer Rest] ? Rest : never

/** Builds whose checkpoint, or whose pages for a fold, can't be read. */
async function findLost(database: Database, folds: readonly Fold[]): Promise<BuildKey[]> {
  const { result: keys } = await database.transact(['checkpoints'], 'readonly', (store) =>
    store('checkpoints').getAllKeys(),
  )
  const lost: BuildKey[] = []
  for (const key of keys) {
    const [identity, build] = Array.isArray(key) ? key : []
    if (typeof identity !== 'string' || typeof build !== 'string') continue
    const isLoaded = folds.some((fold) => fold.identity === identity)
    if (!(await isReadable(database, { identity, build }, isLoaded))) lost.push({ identity, build })
  }
  return lost
}

async function isReadable({ transact }: Database, { identity, build }: BuildKey, pages: boolean): Promise<boolean> {
  for (let tries = READ_VALUE_TRIES; tries--; ) {
    try {
      await transact(['checkpoints', 'pages'], 'readonly', (store) => {
        store('checkpoints').get([identity, build])
        if (pages) store('pages').getAll(pagesOf(identity, build))
      })
      return true
    } catch (error) {
      if (!mayBeLost(error)) throw error
    }
  }
  return false
}
