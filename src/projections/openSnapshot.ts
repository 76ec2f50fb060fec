import type { Database } from '../log/database.ts'
import type { Fold } from '../model/fold.ts'
import { discardPages } from './discard.ts'
import { type BuildKey, mayBeLost, type OpenSnapshot, pagesOf, readSnapshot } from './snapshot.ts'

/** Reads of a value before it counts as lost. A busy browser may refuse one read. */
const READ_VALUE_TRIES = 2

/**
 * Reads the snapshot in one transaction. If the browser has lost values, reads it again without them. Chromium keeps
 * each value above about 64 kB in its own file; if that file is missing, every transaction that reads the value fails.
 * Pages are a cache, so lost ones are deleted with their checkpoint and named in `discarded`.
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
    // Read again even if nothing was found: another tab may have deleted the lost values. If this read fails too, the
    // lost value is not in the cache.
    const snapshot = await readSnapshot(database, ...given)
    return { ...snapshot, discarded: [...snapshot.discarded, ...lost] }
  }
}

type ReadArguments = Parameters<typeof readSnapshot> extends [unknown, ...infer Rest] ? Rest : never

/** Builds whose checkpoint can't be read, or whose pages can't if one of the folds needs them. */
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
