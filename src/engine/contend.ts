import { EngineClosed, StorageError } from '../errors.ts'
import type { Appended } from '../log/append.ts'
import type { CommandEntry } from '../log/commit.ts'
import { readCommand } from '../log/log.ts'
import { dropPages } from '../projections/discard.ts'
import { type Composed, compose, confirm, type Decided, isStrict } from './append.ts'
import { answer, applyCommit, fail, type Pending, rebase, stop, succeed, type Tab } from './tab.ts'

/** What to do when an append did not go through: another tab was faster, the id is known, the storage failed. */
export async function recover(tab: Tab, group: readonly Decided[], outcome: Appended | Error): Promise<void> {
  const commands = group.map(({ pending }) => pending)
  if (outcome instanceof Error) await failed(tab, commands, outcome)
  else if (typeof outcome === 'object') {
    const pending = commands.find(({ id }) => id === outcome.taken)
    if (pending) await lookUp(tab, pending)
  } else {
    if (outcome === 'raced') for (const pending of commands) pending.lostRaces++
    tab.behind = true
  }
  leave(tab, commands)
}

/** Rule 4: read, fold, decide and add in one transaction, which cannot lose. A rejection is decided there at the log's head, too. */
export async function decideInside(tab: Tab, commands: readonly Pending[]): Promise<void> {
  const given = commands.flatMap(({ id, fingerprint }) => (fingerprint ? id : []))
  const refused: (Decided & { readonly callers: number })[] = []
  const decided: Decided[] = []
  let composed: Composed | undefined
  let whole = false
  for (const pending of commands) pending.inTransaction = true
  const added = await tab.log
    .appendInside(
      tab.head,
      given,
      (tail, taken) => {
        whole = true
        rebase(tab, () => {
          for (const record of tail) applyCommit(tab, record)
        })
        // In order: refusals with nothing before them, then what is accepted, up to the first that has another answer.
        for (const pending of tab.state === 'ready' ? tab.pending : []) {
          const { decision } = pending
          if (!commands.includes(pending) || taken.has(pending.id)) break
          if (decision.events.length) decided.push({ pending, decision })
          else if (decided.length) break
          else refused.push({ pending, decision, callers: pending.callers.length })
        }
        if (!decided.length) return
        composed = compose(tab, decided)
        return composed
      },
      commands.some(isStrict) ? 'strict' : 'relaxed',
    )
    .catch((error: Error) => error)
  for (const pending of commands) {
    pending.inTransaction = false
    pending.lostRaces = 0
  }
  if (added instanceof Error) await failed(tab, commands, added)
  else if (!whole || (composed && !added)) {
    tab.behind = true
    // Only reading helps, and who still counts its lost races would keep this tab from it.
    for (const pending of tab.pending) pending.lostRaces = 0
  } else {
    const head = composed ? composed.record.first - 1 : tab.head
    for (const { pending, decision, callers } of refused) {
      // Not for whoever joined after the log was read.
      if (pending.decision === decision && pending.callers.length === callers) conclude(tab, pending, head)
    }
    if (composed) confirm(tab, composed, decided)
    else tab.changed(false)
  }
  for (const pending of commands) {
    const went = [...refused, ...decided].some((one) => one.pending === pending)
    if (!went && pending.fingerprint && tab.pending.includes(pending)) await lookUp(tab, pending)
  }
  leave(tab, commands)
}

/** A command without events ends: nothing was appended. */
function conclude(tab: Tab, pending: Pending, head: number): void {
  const { decision } = pending
  if ('error' in decision) fail(tab, pending, decision.error)
  else succeed(tab, pending, { sequence: head, events: [], duplicate: false })
}

/**
 * Rule 7: a rejection or an empty decision settles when a read, begun after the dispatch, shows that it was decided at
 * the log's head with nothing pending before it.
 */
export async function settleAtHead(tab: Tab, leading: readonly Pending[]): Promise<void> {
  const { head } = tab
  const seen = leading.map((pending) => ({ pending, decision: pending.decision, callers: pending.callers.length }))
  const ids = leading.flatMap(({ id, fingerprint }) => (fingerprint ? id : []))
  const found = await tab.log.look(head, ids).catch((error: Error) => error)
  if (found instanceof Error) return failed(tab, leading, found)
  if (found.moved) {
    tab.behind = true
    for (const pending of leading) pending.lostRaces++
  }
  for (const { pending, decision, callers } of seen) {
    const same = tab.pending.includes(pending) && pending.decision === decision && pending.callers.length === callers
    if (tab.head !== head || tab.behind || !same) continue
    const entry = found.entries.get(pending.id)
    if (entry) await lookUp(tab, pending, entry)
    else conclude(tab, pending, head)
  }
  tab.changed(false)
}

/** The caller's id is in the log: the first answer counts (rules 3 and 5). */
async function lookUp(tab: Tab, pending: Pending, known?: CommandEntry): Promise<void> {
  try {
    const entry = known ?? (await tab.log.look(tab.head, [pending.id])).entries.get(pending.id)
    if (!entry) return
    // Of an archived command only the entry is left.
    const archived = entry.sequence <= (tab.database?.log?.base ?? 0)
    const found = archived ? undefined : await readCommand(tab.log, pending.id, entry.sequence)
    // Catch-up meets it.
    if (entry.sequence > tab.head) tab.behind = true
    else if (found) rebase(tab, () => answer(tab, pending, found.command, found.first, entry.commit))
    else
      rebase(tab, () =>
        answer(
          tab,
          pending,
          { id: pending.id, fingerprint: entry.fingerprint, at: 0, events: [] },
          entry.sequence + 1,
          entry.commit,
        ),
      )
  } catch (error) {
    await failed(tab, [pending], error as Error)
  }
}

/** A transaction failed. What certainly left nothing is told so; otherwise the log says what became of it. */
async function failed(tab: Tab, group: readonly Pending[], error: Error): Promise<void> {
  const [first] = group
  if (error instanceof EngineClosed) {
    // Said before anything was queued: another log stands there now.
    rebase(tab, () => stop(tab, 'closed', error))
  } else if (error instanceof StorageError && error.kind === 'quota') {
    tab.error = error
    if (group.length > 1) for (const pending of group) pending.alone = true
    else if (tab.database && first && first.failures < 2) {
      const { removePrivate } = await import('../copies/removeMirror.ts')
      // The mirror gives way first, then derived pages, never the log.
      const removed = !first.failures++ && (await removePrivate(tab.database, true).catch(() => false))
      if (!removed) {
        first.failures = 2
        await dropPages(tab.database, tab.head).catch(() => {})
      }
    } else {
      rebase(tab, () => {
        for (const pending of group) fail(tab, pending, error)
      })
    }
  } else {
    if (tab.state === 'ready') tab.error = error
    tab.behind = true
    for (const pending of group) {
      pending.failures++
      pending.unsure = true
    }
  }
}

/** Where the tab takes no more commands, those whose outcome is known now are told. */
function leave(tab: Tab, group: readonly Pending[]): void {
  if (tab.state === 'ready') return
  rebase(tab, () => {
    for (const pending of group) if (!pending.unsure && tab.error) fail(tab, pending, tab.error)
  })
}
