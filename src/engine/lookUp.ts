import type { CommandEntry } from '../log/commit.ts'
import { readCommand } from '../log/log.ts'
import type { Pending } from './pending.ts'
import { answer, rebase, type Tab } from './tab.ts'

/**
 * Answers a command whose id is already in the log with the first answer (rules 3 and 5). `known` is its entry, if
 * already read.
 */
export async function lookUpCommand(tab: Tab, pending: Pending, known?: CommandEntry): Promise<void> {
  const entry = known ?? (await tab.log.checkHead(tab.head, [pending.id])).entries.get(pending.id)
  // The entry does not count, because a segment covers the key of its record.
  if (!entry) return
  if (entry.sequence > tab.head) {
    // Catch-up will find the command and answer it.
    tab.behind = true
    return
  }
  // Only the entry of an archived command is left; its events are in the archive.
  const archived = entry.sequence <= (tab.database?.log?.base ?? 0)
  const found = archived ? undefined : await readCommand(tab.log, pending.id, entry.sequence)
  const { command, first } = found ?? {
    command: { id: pending.id, fingerprint: entry.fingerprint, at: 0, events: [] },
    first: entry.sequence + 1,
  }
  rebase(tab, () => answer(tab, pending, command, first, entry.commit))
}
