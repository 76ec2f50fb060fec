import type { CommandEntry } from '../log/commit.ts'
import { readCommand } from '../log/log.ts'
import type { Pending } from './pending.ts'
import { answer, rebase, type Tab } from './tab.ts'

/** The caller's id is in the log: the first answer counts (rules 3 and 5). `known` is its entry, if that was read already. */
export async function lookUpCommand(tab: Tab, pending: Pending, known?: CommandEntry): Promise<void> {
  const entry = known ?? (await tab.log.look(tab.head, [pending.id])).entries.get(pending.id)
  // The entry did not count: its record fell under the seal.
  if (!entry) return
  if (entry.sequence > tab.head) {
    // Catching up meets it.
    tab.behind = true
    return
  }
  // Of an archived command only the entry is left.
  const archived = entry.sequence <= (tab.database?.log?.base ?? 0)
  const found = archived ? undefined : await readCommand(tab.log, pending.id, entry.sequence)
  const { command, first } = found ?? {
    command: { id: pending.id, fingerprint: entry.fingerprint, at: 0, events: [] },
    first: entry.sequence + 1,
  }
  rebase(tab, () => answer(tab, pending, command, first, entry.commit))
}
