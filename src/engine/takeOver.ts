import { readIdentity } from '../log/database.ts'
import type { Tab } from './tab.ts'

/** Adopts the new id of a log that was empty when the tab opened it and has been imported since (rule 13). */
export async function takeOver(tab: Tab): Promise<void> {
  const { database } = tab
  if (!database?.log) return
  const log = await readIdentity(database)
  if (!log) return
  if (log.was !== database.log.id && log.id !== database.log.id) return
  database.log = log
  tab.logId = log.id
  if (log.base && !tab.head) await (await tab.reserve()).standOnBase(tab)
}
