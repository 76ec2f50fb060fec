import type { Key } from '../data.ts'
import { ModelError } from '../errors.ts'
import { commandsOf, recordedOf } from '../log/commit.ts'
import { recordsAt } from '../log/recordsAt.ts'
import type { AnyRecordedEvent } from '../model/events.ts'
import { createFold, foldCommit, type Journal } from '../model/fold.ts'
import { checkKey } from '../model/json.ts'
import { loadBases } from '../projections/base.ts'
import { lookUpRow } from '../projections/rowEvents.ts'
import { createBreather } from '../slices.ts'
import type { Core } from './core.ts'
import type { EventRange, WithLocal } from './layer.ts'

/**
 * Committed events up to `head`, the head at the call, in today's type and version. `withLocal` adds the events that
 * were shown at the call and that the remote had not ordered.
 */
export async function* history(
  core: Core,
  head: number,
  options: EventRange,
  withLocal?: WithLocal,
): AsyncGenerator<AnyRecordedEvent> {
  const { limit = Infinity, signal } = options
  if (limit <= 0) return
  let remaining = limit
  const committed = eventsInRange(core, head, options)
  for await (const event of withLocal?.(committed) ?? committed) {
    signal?.throwIfAborted()
    yield event
    if (--remaining <= 0) return
  }
}

function eventsInRange(
  core: Core,
  head: number,
  { after = 0, before = Infinity, reverse = false, table, key, signal }: EventRange,
): AsyncGenerator<AnyRecordedEvent> {
  const end = Math.min(before, head + 1)
  // An archived log begins after its base.
  const from = Math.max(after, core.database?.log?.base ?? 0)
  if (table !== undefined) return ofRow(core, table, checkKey(key, 'history'), from, end, reverse, signal)
  return reverse ? backwards(core, from, end, signal) : forwards(core, from, end, signal)
}

async function* forwards(
  core: Core,
  after: number,
  end: number,
  signal: AbortSignal | undefined,
): AsyncGenerator<AnyRecordedEvent> {
  if (after + 1 >= end) return
  for await (const records of core.log.readAfter(after, signal)) {
    for (const record of records) {
      let sequence = record.first
      for (const command of commandsOf(record)) {
        // A later event may be one that this code does not know.
        if (sequence >= end) return
        for (const event of recordedOf(command, sequence, core.types)) {
          if (event.sequence >= end) return
          if (event.sequence > after) yield event
        }
        sequence += command.events.length
      }
      // What follows the end may be damaged, so it is not read.
      if (record.last + 1 >= end) return
    }
  }
}

/** Events from newest to oldest. Reads the log in windows that grow. */
async function* backwards(
  core: Core,
  after: number,
  end: number,
  signal: AbortSignal | undefined,
): AsyncGenerator<AnyRecordedEvent> {
  for (let to = end, size = 256; to > after + 1; size = Math.min(size * 2, 8192)) {
    const from = Math.max(after, to - size - 1)
    const window: AnyRecordedEvent[] = []
    for await (const event of forwards(core, from, to, signal)) window.push(event)
    yield* window.reverse()
    to = from + 1
  }
}

/** The events that touched one row. Up to the table's checkpoint they come from its index, after it from folding. */
async function* ofRow(
  core: Core,
  table: string,
  key: Key,
  after: number,
  end: number,
  reverse: boolean,
  signal: AbortSignal | undefined,
): AsyncGenerator<AnyRecordedEvent> {
  const definition = core.model.projections[table]
  if (definition?.into.kind !== 'table') throw new ModelError(`history: "${table}" is not a table of this model`)
  const fold = createFold(table, definition, core.types)
  const { database } = core
  const indexed = definition.into.history && database && (await lookUpRow(database, fold, key, end - 1))
  const base = database?.log?.base ?? 0
  if (database && base && !indexed) await loadBases(database, [fold])
  if (fold.failed) throw fold.failed
  const sequences = (indexed || []).filter((sequence) => sequence > Math.max(after, base) && sequence < end)
  const events = eventsAt(core, reverse ? sequences.reverse() : sequences)
  if (!reverse) yield* events
  const found: AnyRecordedEvent[] = []
  const journal: Journal = []
  const breather = createBreather(signal)
  // Which rows a `by` touches can depend on the table at that time, so the table is folded too.
  for await (const event of forwards(core, fold.sequence, end, signal)) {
    foldCommit(fold, { first: event.sequence, last: event.sequence }, [event], journal)
    if (fold.failed) throw fold.failed
    const touched = journal.some(({ slot }) => slot.key === key)
    journal.length = 0
    if (breather.isDue) await breather.rest()
    if (!touched || event.sequence <= after) continue
    if (reverse) found.push(event)
    else yield event
  }
  if (!reverse) return
  yield* found.reverse()
  yield* events
}

/** The events with these sequences, which must ascend or descend. */
async function* eventsAt({ database, types }: Core, sequences: readonly number[]): AsyncGenerator<AnyRecordedEvent> {
  if (!database || !sequences.length) return
  let at = 0
  for await (const record of recordsAt(database, sequences)) {
    const commands = commandsOf(record)
    for (let sequence = sequences[at]; sequence && sequence >= record.first && sequence <= record.last; ) {
      let { first } = record
      for (const command of commands) {
        const event = command.events[sequence - first]
        if (event) yield* recordedOf({ ...command, events: [event] }, sequence, types)
        first += command.events.length
      }
      sequence = sequences[++at]
    }
  }
}
