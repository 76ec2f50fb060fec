import { InvalidData } from '../errors.ts'
import type { Beside } from '../log/append.ts'
import { ring } from '../log/channel.ts'
import type { CommandEntry, CommitRecord, StoredCommand } from '../log/commit.ts'
import { copyJson, fingerprint, type Json } from '../model/json.ts'
import { createContext, randomId } from '../model/model.ts'
import {
  type AnyReceipt,
  applyCommit,
  type Caller,
  type Decision,
  decideNow,
  type Pending,
  rebase,
  settle,
  type Tab,
  typeKey,
} from './tab.ts'
import type { DispatchOptions } from './types.ts'

/** Characters of JSON that one group may have; a single command may have more. */
const GROUP_CHARACTERS = 1_048_576
/** Lost races after which a command is decided inside the appending transaction (rule 4). */
const LOST_RACES = 2

/** Decides and applies at once, queues the append; the promise settles when the log has the answer. */
export function dispatch(
  tab: Tab,
  owner: unknown,
  name: string,
  input: unknown,
  { commandId, durability, meta, signal }: DispatchOptions,
): Promise<AnyReceipt> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted()
    if (commandId !== undefined && (typeof commandId !== 'string' || !commandId || commandId.length > 1024)) {
      throw new InvalidData(`${commandId} is not a string of 1 to 1024 characters`, ['commandId'])
    }
    const copy = copyJson(input)
    const print = commandId === undefined ? undefined : fingerprint(name, copy)
    const command = {
      id: commandId ?? randomId(),
      fingerprint: print,
      name,
      input: copy,
      meta: copyJson(meta) as Json | undefined,
      context: createContext(Date.now()),
    }
    let pending: Pending | undefined
    const settled =
      <T>(tell: (value: T) => void) =>
      (value: T): void => {
        signal?.removeEventListener('abort', withdraw)
        tell(value)
      }
    const caller: Caller = {
      resolve: settled(resolve),
      reject: settled(reject),
      strict: durability === 'strict',
      joined: false,
      owner,
    }
    const withdraw = (): void =>
      pending ? takeBack(tab, pending, caller, signal?.reason) : caller.reject(signal?.reason)
    signal?.addEventListener('abort', withdraw)
    const enter = (): void => {
      if (signal?.aborted) return
      if (tab.state !== 'ready') throw tab.error
      const same = print && tab.pending.find(({ id }) => id === commandId)
      if (same && same.fingerprint !== print) {
        same.after.push({ enter, caller })
        return
      }
      if (same) {
        pending = same
        caller.joined = true
        same.callers.push(caller)
      } else {
        const decision = decideNow(tab, command)
        pending = {
          ...command,
          callers: [caller],
          after: [],
          decision,
          attempts: new Map(),
          inTransaction: false,
          unsure: false,
          lostRaces: 0,
          failures: 0,
          alone: false,
        }
        tab.pending.push(pending)
        tab.changed(decision.events.length > 0)
      }
      queueMicrotask(tab.pump)
    }
    enter()
  })
}

/** A caller leaves. The command goes with the last one, unless it is in a transaction already. */
export function takeBack(tab: Tab, pending: Pending, caller: Caller, reason: unknown): void {
  if (pending.inTransaction || pending.unsure || !tab.pending.includes(pending)) return
  if (pending.callers.length > 1) {
    pending.callers = pending.callers.filter((other) => other !== caller)
    caller.reject(reason)
  } else rebase(tab, () => settle(tab, pending, { thrown: reason }))
}

/** Whatever the tab has to do with the log, one thing after the other. */
export async function work(tab: Tab): Promise<void> {
  for (let appended = false; ; ) {
    const { pending, state } = tab
    if ((tab.behind && state === 'ready') || pending.some(({ unsure }) => unsure))
      await (await import('./catchUp.ts')).catchUp(tab)
    else if (state !== 'ready' || !pending.length) return
    else {
      const accepted = pending.filter(({ decision }) => decision.events.length)
      const leading = accepted[0] ? pending.slice(0, pending.indexOf(accepted[0])) : [...pending]
      // Alternately, so that a stream of appends does not keep a rejection waiting.
      appended = accepted.length > 0 && !(appended && leading.length)
      if (appended) await append(tab, accepted)
      else await (await import('./contend.ts')).settleAtHead(tab, leading)
    }
  }
}

export interface Decided {
  readonly pending: Pending
  readonly decision: Decision
}

/** The record of these commands at `head + 1`, and what goes beside it. */
export function compose(
  tab: Tab,
  group: readonly Decided[],
): { readonly record: CommitRecord; readonly beside: Beside } {
  const id = randomId()
  const entries: [string, CommandEntry][] = []
  const types = new Map<string, [string, number]>()
  let last = tab.head
  for (const { pending, decision } of group) {
    last += decision.stored.length
    if (pending.fingerprint)
      entries.push([pending.id, { sequence: last, commit: id, fingerprint: pending.fingerprint }])
    for (const { type, version = 1 } of decision.stored) {
      const key = typeKey(type, version)
      if (!tab.stored.has(key)) types.set(key, [type, version])
    }
  }
  // The strictest of a group wins (rule 6).
  const strict = group.some(({ pending }) => isStrict(pending))
  for (const { pending } of group) pending.attempts.set(id, strict)
  return {
    record: { id, first: tab.head + 1, last, body: `[${group.map(bodyOf)}]` },
    beside: { types: types.values(), entries, durability: strict ? 'strict' : 'relaxed' },
  }
}

/** One command as the log keeps it, made once. */
function bodyOf({ pending: { id, fingerprint, context, meta }, decision }: Decided): string {
  decision.body ??= JSON.stringify({ id, fingerprint, at: context.now, meta, events: decision.stored } satisfies Record<
    keyof StoredCommand,
    unknown
  >)
  return decision.body
}

export const isStrict = ({ callers }: Pending): boolean => callers.some(({ strict }) => strict)

/** Appends as many accepted commands as fit, as one record: all that waited while a transaction was in flight. */
async function append(tab: Tab, accepted: readonly Pending[]): Promise<void> {
  const group: Decided[] = []
  let characters = 0
  for (const pending of accepted) {
    const one = { pending, decision: pending.decision }
    characters += bodyOf(one).length
    if (group.length && (pending.alone || group[0]?.pending.alone || characters > GROUP_CHARACTERS)) break
    group.push(one)
  }
  if (group.some(({ pending }) => pending.lostRaces >= LOST_RACES)) {
    await (await import('./contend.ts')).decideInside(tab, group)
    return
  }
  const { record, beside } = compose(tab, group)
  for (const { pending } of group) pending.inTransaction = true
  const outcome = await tab.log.append(record, beside).catch((error: Error) => error)
  for (const { pending } of group) pending.inTransaction = false
  if (outcome === 'appended') confirm(tab, record, group)
  else await (await import('./contend.ts')).recover(tab, group, outcome)
}

/** The log has the record. What was shown before is what it says, unless something came between. */
export function confirm(tab: Tab, record: CommitRecord, group: readonly Decided[]): void {
  ring(tab.channel, tab.logId, record)
  const asShown =
    tab.head === record.first - 1 &&
    tab.state === 'ready' &&
    group.every(({ pending, decision }, i) => tab.pending[i] === pending && pending.decision === decision)
  if (!asShown) {
    rebase(tab, () => applyCommit(tab, record))
    return
  }
  tab.head = record.last
  for (const fold of tab.folds) if (!fold.failed) fold.sequence = record.last
  for (const { type, version } of group.flatMap(({ decision }) => decision.stored))
    tab.stored.add(typeKey(type, version))
  // Published first, settled then.
  tab.changed(false)
  for (const { pending, decision } of group) {
    const { events } = decision
    settle(
      tab,
      pending,
      { sequence: events.at(-1)?.sequence ?? tab.head, events, duplicate: false },
      pending.attempts.get(record.id),
    )
  }
}
