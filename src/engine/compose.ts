import { nextId } from '../ids.ts'
import type { AppendDetails } from '../log/append.ts'
import type { CommandEntry, CommitRecord, StoredCommand } from '../log/commit.ts'
import { stringify } from '../model/json.ts'
import { type Decided, extraWritesOf, isStrict, noteAttempt, type Pending } from './pending.ts'
import { type Tab, typeKey } from './tab.ts'

/** The largest group, in characters of JSON. A single command may be larger. */
const GROUP_CHARACTERS = 1_048_576

/** A command in a record, with the decision that was written. */
interface CommandInRecord {
  readonly pending: Pending
  readonly decision: Decided
  readonly version: number
}

export interface Composed {
  readonly record: CommitRecord
  readonly beside: AppendDetails
  readonly parts: readonly CommandInRecord[]
}

/** The commands for one record: as many as fit of those that waited while a transaction was in flight (rule 6). */
export function groupOf(accepted: readonly Pending[]): Pending[] {
  const group: Pending[] = []
  let characters = 0
  for (const pending of accepted) {
    characters += bodyOf(pending).length
    if (group.length && (pending.tries.alone || group[0]?.tries.alone || characters > GROUP_CHARACTERS)) break
    group.push(pending)
  }
  return group
}

/** Builds the record of a group at `head + 1`, and what is written with it. */
export function compose(tab: Tab, group: readonly Pending[]): Composed {
  const id = nextId()
  const entries: [string, CommandEntry][] = []
  const types = new Map<string, [string, number]>()
  let seen: string | undefined
  let last = tab.head
  for (const { id: command, fingerprint, decision } of group) {
    last += decision.stored.length
    if (fingerprint) entries.push([command, { sequence: last, commit: id, fingerprint }])
    for (const { type, version = 1 } of decision.stored) {
      // Events of one type often follow each other, and commands create only one version of a type.
      if (type === seen) continue
      seen = type
      const key = typeKey(type, version)
      if (!tab.stored.has(key)) types.set(key, [type, version])
    }
  }
  const extra = extraWritesOf(group, tab.first, id)
  // The strictest durability in a group applies to all of it (rule 6).
  const strict = group.some(isStrict)
  noteAttempt(group, id, strict)
  return {
    record: { id, first: tab.head + 1, last, body: `[${group.map(bodyOf)}]` },
    beside: { types: [...types.values()], entries, durability: strict ? 'strict' : 'relaxed', extra },
    parts: group.map((pending) => ({ pending, decision: pending.decision, version: pending.version })),
  }
}

/** The JSON of one command for the log, built once for each decision. */
export function bodyOf({ id, fingerprint, context, meta, cause, decision }: Pending): string {
  decision.body ??= stringify({
    id,
    fingerprint,
    at: context.now,
    meta,
    cause,
    events: decision.stored,
  } satisfies Record<Exclude<keyof StoredCommand, 'device'>, unknown>)
  return decision.body
}
