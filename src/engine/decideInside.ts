import { confirm } from './appendGroup.ts'
import { type Composed, compose } from './compose.ts'
import { lookUpCommand } from './lookUp.ts'
import { extraWritesOf, isStrict, type Pending, settleWithoutEvents } from './pending.ts'
import { givenIds } from './settleAtHead.ts'
import { applyCommit, rebase, type Tab } from './tab.ts'

/**
 * Reads, folds, decides and adds in one transaction, so that the tab cannot lose a race (rule 4). Rejections are
 * decided there too, at the log's head. If it throws, the phase of the commands stays 'in transaction'.
 */
export async function decideInside(tab: Tab, commands: readonly Pending[]): Promise<'decided' | 'not whole'> {
  const refused: { readonly pending: Pending; readonly version: number }[] = []
  const accepted: Pending[] = []
  let known: ReadonlySet<string> = new Set()
  let composed: Composed | undefined
  let whole = false
  for (const pending of commands) {
    pending.phase = 'in transaction'
    pending.tries = { ...pending.tries, races: 0 }
  }
  const added = await tab.log.appendInside(
    tab.head,
    givenIds(commands),
    (tail, taken) => {
      whole = true
      known = taken
      rebase(tab, () => {
        for (const record of tail) applyCommit(tab, record)
      })
      // In order: first the commands without events, then the accepted ones. Stops at the next one without events, and
      // at any command that can't be answered here.
      for (const pending of tab.state === 'ready' ? tab.pending : []) {
        if (!commands.includes(pending) || taken.has(pending.id)) break
        if (pending.decision.events.length) accepted.push(pending)
        else if (accepted.length) break
        else refused.push({ pending, version: pending.version })
      }
      if (accepted.length) composed = compose(tab, accepted)
      return composed
    },
    commands.some(isStrict) ? 'strict' : 'relaxed',
    extraWritesOf(commands, tab.first),
  )
  for (const pending of commands) if (pending.phase === 'in transaction') pending.phase = 'waiting'
  if (!whole || (composed && !added)) return 'not whole'
  const head = composed ? composed.record.first - 1 : tab.head
  for (const { pending, version } of refused) {
    // If a caller joined after the log was read, this read does not answer the command.
    if (pending.version === version) settleWithoutEvents(tab, pending, head)
  }
  if (composed) confirm(tab, composed)
  else tab.changed(false)
  for (const pending of commands)
    if (pending.phase === 'waiting' && known.has(pending.id)) await lookUpCommand(tab, pending)
  return 'decided'
}
