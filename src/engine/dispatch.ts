import { CommandIdConflict, EngineClosed, InvalidData, StorageError } from '../errors.ts'
import { ring } from '../log/channel.ts'
import type { CommandEntry, CommitRecord, StoredCommand } from '../log/commit.ts'
import { type NewTypes, readCommand } from '../log/log.ts'
import { copyJson, fingerprint, type Json } from '../model/json.ts'
import { createContext, randomId } from '../model/model.ts'
import { catchUp } from './catchUp.ts'
import {
  type AnyReceipt,
  applyCommit,
  type Caller,
  type Decision,
  decideNow,
  type Pending,
  readable,
  rebase,
  refuse,
  settle,
  stop,
  type Tab,
  typeKey,
} from './tab.ts'
import type { DispatchOptions } from './types.ts'

/** Characters of JSON that one group may have; a single command may have more. */
const GROUP_CHARACTERS = 1_048_576
/** Times an append may end without an answer before its dispatch is told. */
const MAX_FAILURES = 3
/** Lost races after which a command is decided inside the appending transaction (rule 4). */
const LOST_RACES = 2

/** Decides and applies at once, queues the append; the promise settles when the log has the answer. */
export function dispatch(
  tab: Tab,
  owner: unknown,
  name: string,
  input: unknown,
  options: DispatchOptions = {},
): Promise<AnyReceipt> {
  return new Promise((resolve, reject) => {
    const { commandId, durability, meta, signal } = options
    refuse(tab)
    signal?.throwIfAborted()
    if (commandId !== undefined && (typeof commandId !== 'string' || !commandId || commandId.length > 1024)) {
      throw new InvalidData(
        `A commandId is a string of 1 to 1024 characters, not ${JSON.stringify(commandId)?.slice(0, 50)}.`,
        ['commandId'],
      )
    }
    const copy = copyJson(input)
    const command = {
      id: commandId ?? randomId(),
      fingerprint: commandId === undefined ? undefined : fingerprint(name, copy),
      name,
      input: copy,
      meta: copyJson(meta) as Json | undefined,
      context: createContext(Date.now()),
    }
    let taken: Pending | undefined
    const withdraw = (): void => {
      if (taken) takeBack(tab, taken, caller, signal?.reason)
      else reject(signal?.reason)
    }
    const done = (): void => signal?.removeEventListener('abort', withdraw)
    const caller: Mutable<Caller> = {
      resolve(receipt) {
        done()
        resolve(receipt)
      },
      reject(error) {
        done()
        reject(error)
      },
      strict: durability === 'strict',
      joined: false,
      owner,
    }
    signal?.addEventListener('abort', withdraw)
    const enter = (): void => {
      if (signal?.aborted) return
      if (tab.state !== 'ready') return caller.reject(tab.error ?? new EngineClosed('closed'))
      const same = commandId === undefined ? undefined : tab.pending.find(({ id }) => id === commandId)
      if (same && same.fingerprint !== command.fingerprint) return void same.after.push(enter)
      caller.joined = !!same
      taken = same
      if (same) same.callers.push(caller)
      else {
        taken = {
          ...command,
          callers: [caller],
          after: [],
          decision: decideNow(tab, command),
          attempts: new Map(),
          inTransaction: false,
          unsure: false,
          lostRaces: 0,
          failures: 0,
          alone: false,
        }
        tab.pending.push(taken)
        tab.changed(taken.decision.events.length > 0)
      }
      queueMicrotask(tab.pump)
    }
    enter()
  })
}

/** A handle is closed: its commands that are in no transaction are taken back. */
export function withdrawAll(tab: Tab, owner: unknown, reason: unknown): void {
  for (const pending of [...tab.pending])
    for (const caller of pending.callers) if (caller.owner === owner) takeBack(tab, pending, caller, reason)
}

/** A caller leaves. The command goes with the last one, unless it is in a transaction already. */
function takeBack(tab: Tab, pending: Pending, caller: Caller, reason: unknown): void {
  if (pending.inTransaction || pending.unsure || !tab.pending.includes(pending)) return
  if (pending.callers.length > 1) {
    pending.callers = pending.callers.filter((other) => other !== caller)
    caller.reject(reason)
  } else rebase(tab, () => settle(tab, pending, { thrown: reason }))
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] }

/** Whatever the tab has to do with the log, one thing after the other. */
export async function work(tab: Tab): Promise<void> {
  for (let appended = false; ; ) {
    const { pending, state } = tab
    if ((tab.behind && state === 'ready') || pending.some(({ unsure }) => unsure)) await catchUp(tab)
    else if (state !== 'ready' || !pending.length) return
    else {
      const accepted = pending.filter(({ decision }) => decision.events.length)
      const leading = accepted[0] ? pending.slice(0, pending.indexOf(accepted[0])) : [...pending]
      // Alternately, so that a stream of appends does not keep a rejection waiting.
      appended = accepted.length > 0 && !(appended && leading.length)
      await (appended ? append(tab, accepted) : look(tab, leading))
    }
  }
}

function compose(
  tab: Tab,
  head: number,
  group: readonly { pending: Pending; decision: Decision }[],
): { record: CommitRecord; beside: NewTypes } {
  const id = randomId()
  const entries: [string, CommandEntry][] = []
  const types = new Map<string, [string, number]>()
  let last = head
  const bodies = group.map(({ pending, decision }) => {
    last += decision.stored.length
    if (pending.fingerprint !== undefined)
      entries.push([pending.id, { sequence: last, commit: id, fingerprint: pending.fingerprint }])
    for (const { type, version } of decision.stored)
      if (!tab.stored.has(typeKey(type, version))) types.set(typeKey(type, version), [type, version ?? 1])
    return bodyOf(pending, decision)
  })
  const durability = group.some(({ pending }) => pending.callers.some(({ strict }) => strict)) ? 'strict' : 'relaxed'
  for (const { pending } of group) pending.attempts.set(id, durability === 'strict')
  return {
    record: { id, first: head + 1, last, body: `[${bodies.join()}]` },
    beside: { types: [...types.values()], entries, durability },
  }
}

function bodyOf({ id, fingerprint, context, meta }: Pending, { stored }: Decision): string {
  return JSON.stringify({ id, fingerprint, at: context.now, meta, events: stored } satisfies {
    [K in keyof StoredCommand]: unknown
  })
}

/** Appends as many accepted commands as fit, as one record: all that waited while a transaction was in flight. */
async function append(tab: Tab, accepted: readonly Pending[]): Promise<void> {
  const group: { pending: Pending; decision: Decision }[] = []
  let characters = 0
  for (const pending of accepted) {
    if (group.length && (pending.alone || group[0]?.pending.alone)) break
    const { decision } = pending
    if (accepted.length > 1) {
      characters += JSON.stringify(decision.stored).length
      if (group.length && characters > GROUP_CHARACTERS) break
    }
    group.push({ pending, decision })
  }
  if (group.some(({ pending }) => pending.lostRaces >= LOST_RACES))
    return appendInside(
      tab,
      group.map(({ pending }) => pending),
    )
  const { record, beside } = compose(tab, tab.head, group)
  for (const { pending } of group) pending.inTransaction = true
  let outcome: unknown
  try {
    outcome = await tab.log.append(record, beside)
  } catch (error) {
    outcome = error
  }
  for (const { pending } of group) pending.inTransaction = false
  if (outcome === 'appended') confirm(tab, record, group)
  else if (outcome === 'sealed') tab.behind = true
  else if (outcome === 'raced') {
    for (const { pending } of group) pending.lostRaces++
    tab.behind = true
  } else if (outcome instanceof Error)
    await failed(
      tab,
      group.map(({ pending }) => pending),
      outcome,
    )
  else {
    const { taken } = outcome as { taken: string }
    const pending = tab.pending.find(({ id }) => id === taken)
    if (pending) await answer(tab, pending)
  }
  if (tab.state !== 'ready')
    leave(
      tab,
      group.map(({ pending }) => pending),
    )
}

/** The log has the record. What was shown before is what it says, unless something came between. */
function confirm(tab: Tab, record: CommitRecord, group: readonly { pending: Pending; decision: Decision }[]): void {
  ring(tab.channel, tab.logId, record)
  const last = tab.pending.indexOf((group.at(-1) as { pending: Pending }).pending)
  const asShown =
    tab.head === record.first - 1 &&
    tab.state === 'ready' &&
    last === group.length - 1 &&
    group.every(({ pending, decision }, i) => tab.pending[i] === pending && pending.decision === decision)
  if (!asShown) {
    rebase(tab, () => applyCommit(tab, record))
    return
  }
  tab.head = record.last
  for (const fold of tab.folds) if (!fold.failed) fold.sequence = record.last
  for (const { pending, decision } of group) {
    for (const { type, version } of decision.stored) tab.stored.add(typeKey(type, version))
    const sequence = decision.events.at(-1)?.sequence ?? record.last
    settle(tab, pending, { sequence, events: decision.events, duplicate: false }, pending.attempts.get(record.id))
  }
  tab.changed(false)
}

/** Rule 4: read, fold, decide and add in one transaction, which cannot lose. */
async function appendInside(tab: Tab, group: readonly Pending[]): Promise<void> {
  const durability = group.some(({ callers }) => callers.some(({ strict }) => strict)) ? 'strict' : 'relaxed'
  const given = group.flatMap(({ id, fingerprint }) => (fingerprint === undefined ? [] : id))
  for (const pending of group) pending.inTransaction = true
  let composed: { record: CommitRecord; beside: NewTypes } | undefined
  let decided: { pending: Pending; decision: Decision }[] = []
  let error: unknown
  let done = false
  try {
    done = await tab.log.appendInside(
      tab.head,
      given,
      (tail, taken) => {
        rebase(tab, () => {
          for (const record of tail) applyCommit(tab, record)
        })
        // A rebase decides in order; what is not of this group waits for its own turn.
        decided = []
        for (const pending of tab.pending) {
          if (!group.includes(pending) || taken.has(pending.id) || !pending.decision.events.length) break
          decided.push({ pending, decision: pending.decision })
        }
        composed = decided.length && tab.state === 'ready' ? compose(tab, tab.head, decided) : undefined
        return composed
      },
      durability,
    )
  } catch (thrown) {
    error = thrown
  }
  for (const pending of group) {
    pending.inTransaction = false
    pending.lostRaces = 0
  }
  if (error instanceof Error) await failed(tab, group, error)
  else if (done && composed) confirm(tab, composed.record, decided)
  else tab.behind = true
  for (const pending of group)
    if (given.includes(pending.id) && !decided.some((one) => one.pending === pending) && tab.pending.includes(pending))
      await answer(tab, pending)
  if (tab.state !== 'ready') leave(tab, group)
}

/** Rule 7: a rejection is settled by a read that shows that it was decided at the log's head, with nothing before it. */
async function look(tab: Tab, leading: readonly Pending[]): Promise<void> {
  const { head } = tab
  const seen = leading.map((pending) => ({ pending, decision: pending.decision, callers: pending.callers.length }))
  let found: Awaited<ReturnType<Tab['log']['look']>>
  try {
    found = await tab.log.look(
      head,
      leading.flatMap(({ id, fingerprint }) => (fingerprint === undefined ? [] : id)),
    )
  } catch (error) {
    return failed(tab, leading, error as Error)
  }
  if (found.moved) {
    tab.behind = true
    return
  }
  for (const { pending, decision, callers } of seen) {
    if (
      tab.head !== head ||
      tab.behind ||
      !tab.pending.includes(pending) ||
      pending.decision !== decision ||
      pending.callers.length !== callers
    )
      continue
    const entry = found.entries.get(pending.id)
    if (entry) await answer(tab, pending, entry)
    else
      settle(
        tab,
        pending,
        'error' in decision ? { thrown: decision.error } : { sequence: head, events: [], duplicate: false },
      )
  }
  tab.changed(false)
}

/** The caller's id is in the log: the first answer counts (rules 3 and 5). */
async function answer(tab: Tab, pending: Pending, known?: CommandEntry): Promise<void> {
  try {
    const entry = known ?? (await tab.log.look(tab.head, [pending.id])).entries.get(pending.id)
    if (!entry || !tab.pending.includes(pending)) return
    if (entry.fingerprint !== pending.fingerprint)
      rebase(tab, () => settle(tab, pending, new CommandIdConflict(pending.id)))
    else if (entry.sequence > tab.head) tab.behind = true
    else {
      const found = await readCommand(tab.log, pending.id, entry.sequence)
      const events = found ? readable(tab, found.command, found.first) : []
      const own = pending.attempts.get(entry.commit)
      rebase(tab, () => settle(tab, pending, { sequence: entry.sequence, events, duplicate: own === undefined }, own))
    }
  } catch (error) {
    await failed(tab, [pending], error as Error)
  }
}

/** A transaction failed. What certainly left nothing is told so; otherwise the log says what became of it. */
async function failed(tab: Tab, group: readonly Pending[], error: Error): Promise<void> {
  if (error instanceof EngineClosed) {
    // Said before anything was queued: another log stands there now.
    rebase(tab, () => stop(tab, 'closed', error))
    return
  }
  const kind = error instanceof StorageError ? error.kind : undefined
  if (kind === 'quota') {
    tab.error = error
    if (group.length > 1) {
      for (const pending of group) pending.alone = true
      return
    }
    if (tab.database && !group[0]?.failures) {
      const { dropPages } = await import('../projections/quota.ts')
      await dropPages(tab.database).catch(() => {})
      for (const pending of group) pending.failures++
      return
    }
    rebase(tab, () => {
      for (const pending of group) settle(tab, pending, error)
    })
    return
  }
  for (const pending of group) {
    if (pending.failures++ < MAX_FAILURES) pending.unsure = true
    else rebase(tab, () => settle(tab, pending, error))
  }
  tab.behind = true
}

/** The tab takes no more commands; those whose outcome is known now are told. */
function leave(tab: Tab, group: readonly Pending[]): void {
  rebase(tab, () => {
    for (const pending of group)
      if (!pending.unsure && !pending.inTransaction) settle(tab, pending, tab.error ?? new EngineClosed('closed'))
  })
}
