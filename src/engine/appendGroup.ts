import type { Appended } from '../log/append.ts'
import { postCommit } from '../log/channel.ts'
import { type Composed, compose } from './compose.ts'
import { attemptIn, type Pending, succeed } from './pending.ts'
import { applyCommit, rebase, type Tab, typeKey } from './tab.ts'

/**
 * Appends these commands in one record, by `append` (log/append.ts). If it throws, their phase stays 'in transaction',
 * because the outcome is open.
 */
export async function appendGroup(tab: Tab, group: readonly Pending[]): Promise<Appended> {
  const composed = compose(tab, group)
  for (const pending of group) pending.phase = 'in transaction'
  const outcome = await tab.log.append(composed.record, composed.beside)
  for (const pending of group) pending.phase = 'waiting'
  if (outcome === 'appended') confirm(tab, composed)
  return outcome
}

/**
 * Applies a record that was just appended. Usually the rows show its events already, and only its commands have to be
 * settled.
 */
export function confirm(tab: Tab, { record, beside, parts }: Composed): void {
  // Stored with this record, so the next one does not write it again.
  tab.first = undefined
  postCommit(tab.channel, tab.logId, record)
  const isShown =
    !tab.turns &&
    tab.head === record.first - 1 &&
    tab.state === 'ready' &&
    parts.every(({ pending, version }, i) => tab.pending[i] === pending && pending.version === version)
  if (!isShown) {
    rebase(tab, () => applyCommit(tab, record))
    return
  }
  tab.head = record.last
  for (const fold of tab.folds) if (!fold.failed) fold.sequence = record.last
  for (const [type, version] of beside.types) tab.stored.add(typeKey(type, version))
  for (const { pending, decision } of parts) {
    const { events } = decision
    succeed(
      tab,
      pending,
      { sequence: events.at(-1)?.sequence ?? tab.head, events, duplicate: false },
      attemptIn(pending, record.id),
      record.id,
    )
  }
  // Subscribers are told when no command is pending any more, but before the callers, which continue in microtasks.
  tab.changed(false)
}
