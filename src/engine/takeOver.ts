import { readIdentity } from '../log/database.ts'
import { loadBases } from '../projections/base.ts'
import { rebase, type Tab } from './tab.ts'

/** Rule 13: a tab of a log that was empty and is an imported one now goes on with that. */
export async function takeOver(tab: Tab): Promise<void> {
  const { database } = tab
  if (!database?.log) return
  const log = await readIdentity(database)
  if (!log) return
  if (log.was !== database.log.id && log.id !== database.log.id) return
  database.log = log
  tab.logId = log.id
  if (log.base && !tab.head) await standOnBase(tab)
}

/** Lets folds that no page brought further begin at the base of an archived log. */
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
