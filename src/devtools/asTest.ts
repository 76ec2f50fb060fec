import type { Core } from '../engine/core.ts'
import { CommandRejected } from '../errors.ts'
import type { AnyRecordedEvent } from '../model/events.ts'
import { canonical, deepFreeze } from '../model/json.ts'
import { commandReadOf, createFolds, decide, readOf } from '../model/model.ts'
import { createLogEntries, type LogEntries } from './logEntries.ts'
import type { SeenCommand } from './seenCommands.ts'
import type { Session } from './session.ts'
import { touchedBy } from './touched.ts'

/** The most events in the `given` part of a copied test. */
const GIVEN_MAX = 200
/** The most rows of one table that a copied test expects. */
const ROWS_MAX = 20
/** The most ids that one command may draw in a copied test. */
const IDS_MAX = 10_000

/** Writes a test of an event's command. If the panel has not seen the command, the test has its events and the resulting rows. */
export async function asTest(session: Session, log: LogEntries, sequence: number): Promise<string> {
  const events = await eventsOfCommand(log, sequence, session.core.head)
  const [first] = events
  if (!first) throw new Error(`Event ${sequence} can't be read.`)
  const command = session.commands.find(({ id }) => id === first.commandId)
  if (command) return commandAsTest(session, command, events)
  const before = await eventsBefore(session, events, first.sequence)
  const rows = rowsAfter(session.core, [...before.events, ...events], events)
  return testOf(
    `${first.type} changes the rows`,
    `  // This command was decided before the panel was mounted, or in another tab: the log holds its events, not its input.
  given(${['app', ...[...before.events, ...events].map((event) => creation(session.core, event))].join(',\n    ')}).thenRows(${rows})`,
    before.isWhole,
  )
}

/** A command that this tab has dispatched, with its events or its rejection. */
export async function commandAsTest(
  session: Session,
  command: SeenCommand,
  known?: readonly AnyRecordedEvent[],
): Promise<string> {
  const { core } = session
  const events = known ?? (await appendedEventsOf(core, command))
  const before = await eventsBefore(session, events, events[0]?.sequence ?? command.head + 1)
  const { name, input, context, error } = command
  // The ids that it drew, under the names that a test gives them.
  const text = `${JSON.stringify(events.map(({ data }) => data))}`
  let renamed = (json: string): string => json
  context.restart()
  for (let n = 1; n <= IDS_MAX; n++) {
    const id = context.id()
    if (!text.includes(id)) break
    const inner = renamed
    renamed = (json) => inner(json).replaceAll(id, `id-${n}`)
  }
  const when = [
    `given(${['app', ...before.events.map((event) => creation(core, event))].join(',\n    ')})`,
    `.at(${context.now})`,
    `.when(${[JSON.stringify(name), ...(input === undefined ? [] : [JSON.stringify(input)])].join(', ')})`,
  ]
  let then = '.thenNothing()'
  if (error instanceof CommandRejected) {
    const { code, details } = error
    then = `.thenRejected(${[code, details]
      .filter((one) => one !== undefined)
      .map((one) => JSON.stringify(one))
      .join(', ')})`
  } else if (events.length) then = `.then(${events.map((event) => renamed(creation(core, event))).join(',\n      ')})`
  const isProved = before.isWhole || answersTheSame(core, command, before.events, events)
  return testOf(`${name} answers as it did`, `  ${[...when, then].join('\n    ')}`, isProved)
}

const quoted = (text: string): string => `'${text}'`

const testOf = (
  name: string,
  body: string,
  isWhole: boolean,
): string => `import { given } from ${quoted('tidemark/testing')}
import { test } from ${quoted('vitest')}
// Your model: import { app, events } from './app.ts'

test(${JSON.stringify(name)}, () => {
${isWhole ? '' : '  // Only events of the same rows are given: add what else the command reads.\n'}${body}
})
`

const creation = ({ model }: Core, { type, version, data }: AnyRecordedEvent): string => {
  if (!Object.hasOwn(model.events, type)) return JSON.stringify({ type, version: version ?? 1, data })
  const creator = /^[A-Za-z_$][\w$]*$/.test(type) ? `events.${type}` : `events[${JSON.stringify(type)}]`
  return `${creator}(${data === undefined ? '' : JSON.stringify(data)})`
}

/** Finds the events that a finished command appended. Searches backwards from the end of the log. */
async function appendedEventsOf(core: Core, { id, state, events }: SeenCommand): Promise<readonly AnyRecordedEvent[]> {
  const found: AnyRecordedEvent[] = []
  if (state !== 'done' || !events) return found
  const log = createLogEntries(core, () => {})
  const { signal } = new AbortController()
  const mayFit = (body: string): boolean => body.includes(id)
  for await (const { event } of log.backwards(core.head + 1, mayFit, signal, () => {})) {
    if (event?.commandId === id) found.unshift(event)
    if (found.length >= Math.min(events, GIVEN_MAX)) break
  }
  return found
}

/** The event at `sequence` and its neighbours from the same command. */
async function eventsOfCommand(log: LogEntries, sequence: number, head: number): Promise<AnyRecordedEvent[]> {
  const { event } = await log.read(sequence)
  if (!event) return []
  const events = [event]
  for (const step of [-1, 1])
    for (let at = sequence + step; at > 0 && at <= head && events.length <= GIVEN_MAX; at += step) {
      const { event: other } = await log.read(at)
      if (other?.commandId !== event.commandId) break
      if (step < 0) events.unshift(other)
      else events.push(other)
    }
  return events
}

/** All earlier events if there are few, else the earlier events of the same rows. */
async function eventsBefore(
  { engine, core }: Session,
  events: readonly AnyRecordedEvent[],
  before: number,
): Promise<{ readonly events: readonly AnyRecordedEvent[]; readonly isWhole: boolean }> {
  const isWhole = before <= GIVEN_MAX
  const found = new Map<number, AnyRecordedEvent>()
  const collect = async (options: object): Promise<void> => {
    for await (const event of engine.history({ before, reverse: true, limit: GIVEN_MAX, ...options })) {
      // The panel does not know the types of the model.
      found.set(event.sequence, event as AnyRecordedEvent)
    }
  }
  if (isWhole) await collect({})
  else
    for (const event of events)
      for (const { projection, keys = [] } of touchedBy(core, event)) {
        const { into } = core.model.projections[projection] ?? {}
        // Without an index, each read would fold the whole log.
        if (into?.kind === 'table' && into.history && found.size < GIVEN_MAX)
          for (const key of keys) await collect({ table: projection, key })
      }
  return { events: [...found.values()].sort((a, b) => a.sequence - b.sequence), isWhole }
}

function answersTheSame(
  { model, types }: Core,
  { name, input, context }: SeenCommand,
  before: readonly AnyRecordedEvent[],
  events: readonly AnyRecordedEvent[],
): boolean {
  const folds = createFolds(model)
  try {
    for (const event of before) for (const fold of folds) fold.apply(event)
    context.restart()
    const decided = decide(model, name, commandReadOf(folds), deepFreeze(input), context)
    const asStored = events.map(({ type, data }) => types.store({ type, data }))
    return canonical(decided) === canonical(asStored)
  } catch {
    return false
  }
}

/** The rows that a test expects, of the projections that these events change. */
function rowsAfter(core: Core, all: readonly AnyRecordedEvent[], last: readonly AnyRecordedEvent[]): string {
  const folds = createFolds(core.model)
  for (const event of all) for (const fold of folds) fold.apply(event)
  const names = new Set(last.flatMap((event) => touchedBy(core, event).map(({ projection }) => projection)))
  // The panel does not know the types of the model.
  const read = readOf(folds) as Record<string, any>
  const rows: Record<string, unknown> = {}
  for (const name of names) {
    const table = read[name]
    if (core.model.projections[name]?.into.kind === 'value') rows[name] = table.value
    else if (table?.size <= ROWS_MAX) rows[name] = table.all()
  }
  return JSON.stringify(rows, undefined, 2).replaceAll('\n', '\n  ')
}
