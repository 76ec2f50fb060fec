import { removePrivate } from '../copies/removeMirror.ts'
import { dropDrafts } from '../log/dropDrafts.ts'
import { dropPages } from '../projections/discard.ts'
import type { Pending } from './pending.ts'
import type { Tab } from './tab.ts'

/** Frees space for a command: deletes the mirror first, then drafts, then derived pages, never the log (rule 19). */
export async function makeRoom(tab: Tab, pending: Pending): Promise<void> {
  const { database, head } = tab
  tab.full = undefined
  if (!database) return
  const removed = pending.tries.room === 0 && (await removePrivate(database).catch(() => false))
  const dropped = removed || (pending.tries.room < 2 && (await dropDrafts(database).catch(() => false)))
  pending.tries = { ...pending.tries, room: removed ? 1 : dropped ? 2 : 3 }
  if (!dropped) await dropPages(database, head).catch(() => {})
}
