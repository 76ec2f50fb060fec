import { lookUpCommand } from './lookUp.ts'
import { type Pending, settleWithoutEvents } from './pending.ts'
import type { Tab } from './tab.ts'

/**
 * Rule 7: a rejection or an empty decision settles when a read, begun after the dispatch, shows that it was decided at
 * the log's head with nothing pending before it. Says whether the log had grown.
 */
export async function settleAtHead(tab: Tab, leading: readonly Pending[]): Promise<'settled' | 'raced'> {
  const { head } = tab
  const seen = leading.map((pending) => ({ pending, version: pending.version }))
  const found = await tab.log.look(head, givenIds(leading))
  if (found.raced) return 'raced'
  let settled = false
  for (const { pending, version } of seen) {
    // A hint or a caller may have come meanwhile, and a look-up may find the tab behind.
    if (tab.head !== head || tab.behind || pending.phase !== 'waiting' || pending.version !== version) continue
    const entry = found.entries.get(pending.id)
    if (entry) await lookUpCommand(tab, pending, entry)
    else settleWithoutEvents(tab, pending, head)
    settled = true
  }
  if (settled) tab.changed(false)
  return 'settled'
}

/** The ids that callers gave: only those can be in the log already. */
export const givenIds = (commands: readonly Pending[]): string[] =>
  commands.flatMap(({ id, fingerprint }) => (fingerprint ? id : []))
