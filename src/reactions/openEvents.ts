import { type Cause, type CommitRecord, commandsOf, recordedOf, type StoredCommand } from '../log/commit.ts'
import type { OpenEvent } from '../log/stores.ts'
import { toWire } from '../log/wire.ts'
import type { AnyRecordedEvent, EventTypesAtRuntime } from '../model/events.ts'
import { failedFor } from './afterAttempt.ts'
import { reactionKeyOf } from './entry.ts'
import type { AnyDefinition } from './types.ts'

/** The longest chain of reactions that lead to each other. An event at the end of a longer chain fails. */
export const DEEPEST = 32

/** The parts of a reaction that decide which events open. */
export interface ReactionFilter {
  readonly name: string
  readonly definition: AnyDefinition
  readonly scanned: number
  /** This device, if the log is shared. */
  readonly device?: string | undefined
}

/** What some events change for a reaction. */
export interface Opening {
  readonly opened: readonly OpenEvent[]
  /** Events that were open before, and are cancelled now. */
  readonly cancelled: readonly OpenEvent[]
  /** Events that were open before they came into the shared log, as they are there. */
  readonly confirmed: readonly (readonly [open: OpenEvent, event: AnyRecordedEvent])[]
  /** Events that were open before, and the command of the reaction that settles them. */
  readonly settled: readonly (readonly [open: OpenEvent, by: string])[]
}

/** An event of a commit, and how many reactions led to it. */
export interface CausedEvent {
  readonly event: AnyRecordedEvent
  readonly index: number
  readonly depth: number
  /** What led to its command. */
  readonly cause: Cause | undefined
  /** The device whose command made it, if that is known. */
  readonly device: string | undefined
}

/** The events of a commit in today's types. Throws `OutdatedCodeError` for an event that this code does not know. */
export const causedEventsOf = (record: CommitRecord, types: EventTypesAtRuntime): CausedEvent[] =>
  causedEvents(commandsOf(record), record.first, types)

/** The events of commands. The first event has the sequence `first`. */
export function causedEvents(
  commands: readonly StoredCommand[],
  first: number,
  types: EventTypesAtRuntime,
): CausedEvent[] {
  const all: CausedEvent[] = []
  for (const command of commands) {
    const { cause, device } = command
    const depth = cause?.depth ?? 0
    for (const [index, event] of recordedOf(command, first + all.length, types).entries())
      all.push({ event, index, depth, cause, device })
  }
  return all
}

/** Decides which events a reaction opens, and which open ones are cancelled. Pure. `local`: the events are not in the shared log yet. */
export function openEvents(
  { name, definition, scanned, device }: ReactionFilter,
  events: readonly CausedEvent[],
  open: ReadonlyMap<string, OpenEvent>,
  now: number,
  local = false,
): Opening {
  const { on, cancel, everywhere } = definition
  const opened = new Map<string, OpenEvent>()
  const settled: [open: OpenEvent, by: string][] = []
  const cancelled = new Set<OpenEvent>()
  const confirmed: [open: OpenEvent, event: AnyRecordedEvent][] = []
  for (const caused of events) {
    const { event } = caused
    if (!local && event.sequence <= scanned) continue
    const cancels = cancel && Object.hasOwn(cancel, event.type) ? cancel[event.type] : undefined
    if (cancels) {
      for (const one of [...open.values(), ...opened.values()])
        if (!one.done && cancels(event, one.event)) cancelled.add(one)
      for (const one of cancelled) opened.delete(reactionKeyOf(one))
    }
    const over = local ? undefined : keySettledBy(caused, name, everywhere ? device : undefined)
    if (over !== undefined) {
      const known = open.get(over)
      if (known) settled.push([known, event.commandId])
      opened.delete(over)
    }
    const isOurs = device === undefined || everywhere || local || caused.device === device
    if (!isOurs || !on.includes(event.type)) continue
    const one = openEvent(name, definition, caused, now, everywhere ? device : undefined)
    const key = reactionKeyOf(one)
    const known = device === undefined ? undefined : open.get(key)
    if (known && !local) confirmed.push([known, event])
    else if (!known) opened.set(key, local ? { ...one, local } : one)
  }
  return { opened: [...opened.values()], cancelled: [...cancelled], confirmed, settled }
}

/** The key of the event that the command of a caused event settles for a reaction. */
function keySettledBy(caused: CausedEvent, reaction: string, device: string | undefined): string | undefined {
  const { cause } = caused
  if (cause?.settles === undefined || cause.reaction !== reaction) return
  if (device !== undefined && device !== caused.device) return
  return reactionKeyOf({ reaction, index: cause.settles, event: cause, ...(device !== undefined && { device }) })
}

function openEvent(
  reaction: string,
  definition: AnyDefinition,
  { event, index, depth }: CausedEvent,
  now: number,
  device: string | undefined,
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
    ...(device !== undefined && { device }),
  }
  try {
    const due = after?.(event)
    if (depth >= DEEPEST)
      throw new Error(`${depth} reactions led to this event, one from the other: they may never end.`)
    return {
      ...open,
      lane: String(lane?.(event) ?? ''),
      due: due === undefined ? 0 : checkTime(typeof due === 'number' ? now + due : due.getTime()),
    }
  } catch (error) {
    // The event that `failed` appends may cause reactions, too. Beyond the limit `failed` is not called, so the chain ends.
    const failed = failedFor(open, depth > DEEPEST ? {} : definition)
    return { ...failed, error: toWire(error) }
  }
}

function checkTime(time: number): number {
  if (Number.isFinite(time)) return time
  throw new RangeError('`after` gives milliseconds or a date')
}
