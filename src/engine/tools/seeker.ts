import { type CommitRecord, eventsOf } from '../../log/commit.ts'
import type { Log } from '../../log/log.ts'
import type { AnyRecordedEvent, EventTypesAtRuntime } from '../../model/events.ts'
import { createBreather } from '../../slices.ts'
import { recordsNear } from './recordsNear.ts'
import type { FindPoint } from './storedPoints.ts'
import type { Timeline } from './timeline.ts'

/** The number of events before a target whose changes are kept for the way back. Earlier events are folded again from a point. */
const WAY_BACK_EVENTS = 4096
/** The number of events between a stored point and a target, so that the first moves back are fast. */
const LEAD_EVENTS = 256
/** A stored point is looked up for a way of at least this many events. */
const WORTH_A_LEAP = 1024
/** The most events between two looks at the clock, which takes longer than a small event. It is fewer if events take long. */
const UNTIMED_EVENTS = 16
/** If more milliseconds lie between two looks, the next look follows after one event. */
const UNTIMED_MS = 2

export interface SeekOptions {
  /** A time in milliseconds since 1970: if an event before the target is later, stops before it. */
  readonly until?: number
  readonly signal?: AbortSignal | undefined
  readonly onProgress?: ((done: number) => void) | undefined
}

/** Moves a timeline along its log. */
export interface Seeker {
  /** The sequence to go to. It may change on the way. */
  target: number
  readonly isThere: boolean
  /** Goes there in slices, between which the page can render. */
  seek(options: SeekOptions): Promise<void>
}

/** `findPoint` is given if the log is stored. */
export function createSeeker(
  line: Timeline,
  log: Log,
  types: EventTypesAtRuntime,
  start: number,
  findPoint?: FindPoint,
): Seeker {
  const records = recordsNear(log)
  /** The last sequence for which a stored point was looked up. */
  let lookedUpFor: number | undefined
  let parsed: { readonly record: CommitRecord; readonly events: readonly AnyRecordedEvent[] } | undefined

  function eventsIn(record: CommitRecord): readonly AnyRecordedEvent[] {
    if (parsed?.record !== record) parsed = { record, events: eventsOf(record, types) }
    return parsed.events
  }

  /** Leaps to a stored point if that saves much of the way to a sequence. */
  async function leapTowards(goal: number, until: number): Promise<void> {
    lookedUpFor = goal
    const from = line.startTo(goal)
    if (!findPoint || goal - from < WORTH_A_LEAP) return
    const point = await findPoint(from, goal - LEAD_EVENTS, until)
    // The target may have changed meanwhile.
    if (point && lookedUpFor === goal && line.startTo(goal) < point.sequence) line.leap(point)
  }

  async function seek({ until = Infinity, signal, onProgress }: SeekOptions): Promise<void> {
    let breather = createBreather(signal)
    /** The sequence to go to first, so that the changes of the events before the target are kept. */
    let windowStart: number | undefined
    let stride = 1
    let untimed = stride
    let clockReadAt = performance.now()

    async function rest(): Promise<void> {
      if (!breather.isDue) return
      onProgress?.(line.sequence)
      await breather.rest()
      clockReadAt = performance.now()
    }

    /** Looks at the clock every few events, and rests if the slice is used up. */
    function folded(): Promise<void> | undefined {
      if (--untimed > 0) return
      const now = performance.now()
      stride = now - clockReadAt > UNTIMED_MS ? 1 : Math.min(UNTIMED_EVENTS, 2 * stride)
      untimed = stride
      clockReadAt = now
      return rest()
    }

    while (!seeker.isThere) {
      if (windowStart !== undefined && line.sequence <= windowStart) windowStart = undefined
      const goal = windowStart ?? seeker.target
      const next = line.sequence + 1
      const due = line.due()
      const record = goal < next ? undefined : records.find(next)
      if (due || goal < next) {
        if (due) while (!due.next().done) await rest()
        else line.back(goal)
        await rest()
        // The next event may be larger than those before.
        stride = untimed = 1
      } else if (lookedUpFor !== goal) {
        await leapTowards(goal, until)
        breather = createBreather(signal)
      } else if (record) {
        const event = eventsIn(record)[next - record.first]!
        if (event.at > until) {
          until = Infinity
          seeker.target = line.sequence
          // Only now is the target known, and with it the start of the window.
          windowStart = Math.max(start, seeker.target - WAY_BACK_EVENTS)
        } else if (record.last < seeker.target - WAY_BACK_EVENTS) line.pass(event, record)
        else line.forward(event, record)
        // Awaits only if there is something to wait for: a microtask per event would be slow.
        const resting = folded()
        if (resting) await resting
      } else {
        await records.load(next)
        // The read has let the page render, so a new slice begins.
        breather = createBreather(signal)
      }
    }
  }

  const seeker: Seeker = {
    target: start,
    get isThere() {
      return line.standsAt(seeker.target)
    },
    seek,
  }
  return seeker
}
