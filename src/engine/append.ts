import { nextId } from '../ids.ts'
import type { Appended, Beside } from '../log/append.ts'
import { ring } from '../log/channel.ts'
import type { CommandEntry, CommitRecord, StoredCommand } from '../log/commit.ts'
import { applyCommit, type Decision, type Pending, rebase, succeed, type Tab, typeKey } from './tab.ts'

/** Characters of JSON that one group may have; a single command may have more. */
const GROUP_CHARACTERS = 1_048_576

export interface Decided {
  readonly pending: Pending
  readonly decision: Decision
}

export interface Composed {
  readonly record: CommitRecord
  readonly beside: Beside
}

/** The record of these commands at `head + 1`, and what goes beside it. */
export function compose(tab: Tab, group: readonly Decided[]): Composed {
  const id = nextId()
  const entries: [string, CommandEntry][] = []
  const types = new Map<string, [string, number]>()
  let seen: string | undefined
  let last = tab.head
  for (const { pending, decision } of group) {
    last += decision.stored.length
    if (pending.fingerprint)
      entries.push([pending.id, { sequence: last, commit: id, fingerprint: pending.fingerprint }])
    for (const { type, version = 1 } of decision.stored) {
      // Events of one type mostly come together, and a type has one version that commands give.
      if (type === seen) continue
      seen = type
      const key = typeKey(type, version)
      if (!tab.stored.has(key)) types.set(key, [type, version])
    }
  }
  // The strictest of a group wins (rule 6).
  const strict = group.some(({ pending }) => isStrict(pending))
  for (const { pending } of group) (pending.attempts ??= new Map()).set(id, strict)
  return {
    record: { id, first: tab.head + 1, last, body: `[${group.map(bodyOf)}]` },
    beside: { types: [...types.values()], entries, durability: strict ? 'strict' : 'relaxed' },
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

/** As many accepted commands as fit into one record: all that waited while a transaction was in flight. */
export function groupOf(accepted: readonly Pending[]): Decided[] {
  const group: Decided[] = []
  let characters = 0
  for (const pending of accepted) {
    const one = { pending, decision: pending.decision }
    characters += bodyOf(one).length
    if (group.length && (pending.alone || group[0]?.pending.alone || characters > GROUP_CHARACTERS)) break
    group.push(one)
  }
  return group
}

export async function append(tab: Tab, group: readonly Decided[]): Promise<Appended | Error> {
  const composed = compose(tab, group)
  const { record, beside } = composed
  for (const { pending } of group) pending.inTransaction = true
  const outcome = await tab.log.append(record, beside).catch((error: Error) => error)
  for (const { pending } of group) pending.inTransaction = false
  if (outcome === 'appended') confirm(tab, composed, group)
  return outcome
}

/** The log has the record. What was shown before is what it says, unless something came between. */
export function confirm(tab: Tab, { record, beside }: Composed, group: readonly Decided[]): void {
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
  for (const [type, version] of beside.types) tab.stored.add(typeKey(type, version))
  for (const { pending, decision } of group) {
    const { events } = decision
    succeed(
      tab,
      pending,
      { sequence: events.at(-1)?.sequence ?? tab.head, events, duplicate: false },
      pending.attempts?.get(record.id),
    )
  }
  // After the last one left `pending`, and still before anybody hears of it: what waits runs in a microtask.
  tab.changed(false)
}
