import { freeSpace } from '../projections/discard.ts'
import type { Pending } from './pending.ts'
import type { Tab } from './tab.ts'

/** Frees space for a command. */
export async function makeRoom(tab: Tab, pending: Pending): Promise<void> {
  const { database, head } = tab
  tab.full = undefined
  if (!database) return
  const room = await freeSpace(database, head, pending.tries.room).catch(() => Infinity)
  pending.tries = { ...pending.tries, room }
}
