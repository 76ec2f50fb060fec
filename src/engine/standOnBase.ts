import { loadBases } from '../projections/base.ts'
import { rebase, type Tab } from './tab.ts'

/** Starts the folds that have no newer pages at the base of an archived log. */
export async function standOnBase(tab: Tab): Promise<void> {
  const { database, folds } = tab
  if (!database?.log?.base) return
  await loadBases(database, folds)
  const live = folds.filter(({ failed }) => !failed)
  rebase(tab, () => {
    const at = (live.length ? live : folds).map(({ sequence }) => sequence)
    tab.head = live.length ? Math.min(...at) : Math.max(...at)
  })
}
