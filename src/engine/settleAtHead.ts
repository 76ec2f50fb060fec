import { lookUpCommand } from './lookUp.ts'
import { type Pending, settleWithoutEvents } from './pending.ts'
import type { Tab } from './tab.ts'

/**
 * Settles rejections and empty decisions. A read that began after the dispatch has to show that the command was decided
 * at the log's head, with nothing pending before it (rule 7). Returns 'raced' if the log has grown.
 */
export async function settleAtHead(tab: Tab, leading: readonly Pending[]): Promise<'settled' | 'raced'> {
  const { head } = tab
  const seen = leading.map((pending) => ({ pending, version: pending.version }))
  const found = await tab.log.checkHead(head, givenIds(leading))
  if (found.raced) return 'raced'
  let settled = false
  for (const { pending, version } of seen) {
    // During the read, a hint or another caller may have arrived, or an earlier look-up may have found the tab behind.
    if (tab.head !== head || tab.behind || pending.phase !== 'waiting' || pending.version !== version) continue
    const entry = found.entries.get(pending.id)
    if (entry) await lookUpCommand(tab, pending, entry)
    else settleWithoutEvents(tab, pending, head)
    settled = true
  }
  if (settled) tab.changed(false)
  return 'settled'
}

/** The ids that callers gave. No other ids can be in the log already. */
export const givenIds = (commands: readonly Pending[]): string[] =>
  commands.flatMap(({ id, fingerprint }) => (fingerprint ? id : []))
