import { nextId } from '../../ids.ts'
import type { CommandEntry } from '../../log/commit.ts'
import type { LocalRecord } from '../../log/local.ts'
import type { LocalAppendDetails } from '../../log/outbox.ts'
import { stringify } from '../../model/json.ts'
import { UNDO, undoingOf } from '../../sync/undoing.ts'
import { bodyOf } from '../compose.ts'
import { type Decided, extraWritesOf, isStrict, noteAttempt, type Pending } from '../pending.ts'
import type { Tab } from '../tab.ts'
import type { LocalLayer } from './layer.ts'

export interface ComposedLocal {
  readonly record: LocalRecord
  readonly beside: LocalAppendDetails
  readonly parts: readonly { readonly pending: Pending; readonly decision: Decided; readonly version: number }[]
}

/**
 * Commands that were rejected and are retried. Their entry in `rejected` is removed in the transaction that adds them
 * to the outbox.
 */
export const retried: WeakSet<Pending> = new WeakSet()

/** Builds the record of a group after the last one of the outbox, and what is written with it. */
export function composeLocal(
  tab: Tab,
  group: readonly Pending[],
  { last, marker }: Pick<LocalLayer, 'last' | 'marker'>,
  device?: string,
): ComposedLocal {
  const id = nextId()
  const strict = group.some(isStrict)
  const entries = group.flatMap(({ id: command, fingerprint }): [string, CommandEntry][] =>
    fingerprint ? [[command, { sequence: 0, commit: id, fingerprint, outbox: true }]] : [],
  )
  noteAttempt(group, id, strict)
  const extra = extraWritesOf(group, tab.first, id)
  const version = tab.model.version ?? 1
  return {
    record: { n: last + 1, id, body: `[${group.map((pending) => localBodyOf(pending, version, device))}]` },
    beside: {
      marker: marker.n,
      entries,
      retried: group.flatMap((one) => (one.fingerprint || retried.has(one) ? one.id : [])),
      durability: strict ? 'strict' : 'relaxed',
      extra,
    },
    parts: group.map((pending) => ({ pending, decision: pending.decision, version: pending.version })),
  }
}

/** The JSON of one command for the log, with the fields that are needed to decide it again. */
function localBodyOf(pending: Pending, model: number, device: string | undefined): string {
  const { context, decide, decision } = pending
  const { name, input } = decide ? { name: UNDO, input: undoingOf(decision.stored, decision.journal) } : pending
  const fields = stringify({ name, input, ids: context.ids, model, device })
  return `${bodyOf(pending).slice(0, -1)},${fields.slice(1)}`
}
