import { type CommitRecord, commandsOf, recordedOf } from '../log/commit.ts'
import type { OpenEvent } from '../log/stores.ts'
import { toWire } from '../log/wire.ts'
import type { AnyRecordedEvent, EventTypesAtRuntime } from '../model/events.ts'
import { failedFor } from './afterAttempt.ts'
import type { AnyDefinition } from './types.ts'

/** Reactions that may lead to each other, one from the other, before an event of them fails. */
export const DEEPEST = 32

/** What of a reaction decides which events open. */
export interface Looking {
  readonly name: string
  readonly definition: AnyDefinition
  readonly scanned: number
}

/** What one commit changes for a reaction. */
export interface Opening {
  readonly opened: readonly OpenEvent[]
  /** Open events from before that were cancelled. */
  readonly cancelled: readonly OpenEvent[]
}

/** One event of a commit, and how many reactions led to it. */
export interface CausedEvent {
  readonly event: AnyRecordedEvent
  readonly index: number
  readonly depth: number
}

/** The events of a commit in today's types. Throws `OutdatedCodeError` for one that this code does not know. */
export function causedEventsOf(record: CommitRecord, types: EventTypesAtRuntime): CausedEvent[] {
  const all: CausedEvent[] = []
  for (const command of commandsOf(record)) {
    const depth = command.cause?.depth ?? 0
    for (const [index, event] of recordedOf(command, record.first + all.length, types).entries())
      all.push({ event, index, depth })
  }
  return all
}

/** Which events a reaction opens, and which open ones they cancel. Pure. */
export function openEvents(
  { name, definition, scanned }: Looking,
  events: readonly CausedEvent[],
  open: ReadonlyMap<string, OpenEvent>,
  now: number,
): Opening {
  const { on, cancel } = definition
  const opened = new Set<OpenEvent>()
  const cancelled = new Set<OpenEvent>()
  for (const caused of events) {
    const { event } = caused
    if (event.sequence <= scanned) continue
    const cancels = cancel && Object.hasOwn(cancel, event.type) ? cancel[event.type] : undefined
    if (cancels) {
      for (const one of [...open.values(), ...opened])
        if (cancels(event as never, one.event as never)) cancelled.add(one)
      for (const one of cancelled) opened.delete(one)
    }
    if (on.includes(event.type)) opened.add(openEvent(name, definition, caused, now))
  }
  return { opened: [...opened], cancelled: [...cancelled] }
}

function openEvent(
  reaction: string,
  definition: AnyDefinition,
  { event, index, depth }: CausedEvent,
  now: number,
): OpenEvent {
  const { lane, after } = definition
  const open: OpenEvent = {
    reaction,
    index,
    event,
    lane: '',
    due: 0,
    handler: 'run',
    attempts: 0,
    until: 0,
    running: '',
    depth: depth + 1,
  }
  try {
    const due = after?.(event as never)
    if (depth >= DEEPEST)
      throw new Error(`${depth} reactions led to this event, one from the other: they may never end.`)
    return {
      ...open,
      lane: String(lane?.(event as never) ?? ''),
      due: due === undefined ? 0 : checkTime(typeof due === 'number' ? now + due : due.getTime()),
    }
  } catch (error) {
    // The end that `failed` writes may lead to reactions, too: that of such an end is not written.
    const failed = failedFor(open, depth > DEEPEST ? {} : definition)
    return { ...failed, error: toWire(error) }
  }
}

function checkTime(time: number): number {
  if (Number.isFinite(time)) return time
  throw new RangeError('`after` gives milliseconds or a date')
}
