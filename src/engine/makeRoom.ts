import { removePrivate } from '../copies/removeMirror.ts'
import { dropPages } from '../projections/discard.ts'
import type { Pending } from './pending.ts'
import type { Tab } from './tab.ts'

/** Rule 19: the mirror gives way first, then derived pages, never the log. */
export async function makeRoom(tab: Tab, pending: Pending): Promise<void> {
  const { database, head } = tab
  tab.full = undefined
  if (!database) return
  const removed = pending.tries.room === 0 && (await removePrivate(database).catch(() => false))
  pending.tries = { ...pending.tries, room: removed ? 1 : 2 }
  if (!removed) await dropPages(database, head).catch(() => {})
}
