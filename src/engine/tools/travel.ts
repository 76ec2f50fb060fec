import { type CommitRecord, eventsOf } from '../../log/commit.ts'
import type { Log } from '../../log/log.ts'
import type { AnyRecordedEvent, EventTypesAtRuntime } from '../../model/events.ts'
import { createBreather } from '../../slices.ts'
import { recordsNear } from './recordsNear.ts'
import type { Timeline } from './timeline.ts'

/** Events before a target from which on the way back is kept: those further back are folded again from a point. */
const WAY_BACK_EVENTS = 4096
/** Events between two looks at the clock, which takes longer than a small event; fewer if they are not small. */
const UNTIMED_EVENTS = 16
/** Milliseconds between two looks after which the next one follows the next event. */
const UNTIMED_MS = 2

export interface Going {
  /** Goes to the last event that is not later, if that is before the target. */
  readonly until?: number
  readonly signal?: AbortSignal | undefined
  readonly onProgress?: ((done: number) => void) | undefined
}

/** Moves a timeline along its log. */
export interface Travel {
  /** Where to; it may change on the way. */
  target: number
  readonly isThere: boolean
  /** Goes there in slices, between which the page can render. */
  go(going: Going): Promise<void>
}

export function createTravel(line: Timeline, log: Log, types: EventTypesAtRuntime, start: number): Travel {
  const records = recordsNear(log)
  let parsed: { readonly record: CommitRecord; readonly events: readonly AnyRecordedEvent[] } | undefined

  function eventsIn(record: CommitRecord): readonly AnyRecordedEvent[] {
    if (parsed?.record !== record) parsed = { record, events: eventsOf(record, types) }
    return parsed.events
  }

  async function go({ until = Infinity, signal, onProgress }: Going): Promise<void> {
    let breather = createBreather(signal)
    /** Where to go first, so that the ways back over the events before the target are kept. */
    let windowStart: number | undefined
    let stride = 1
    let untimed = stride
    let looked = performance.now()

    async function rest(): Promise<void> {
      if (!breather.isDue) return
      onProgress?.(line.sequence)
      await breather.rest()
      looked = performance.now()
    }

    /** Looks at the clock once in a while. */
    function folded(): Promise<void> | undefined {
      if (--untimed > 0) return
      const now = performance.now()
      stride = now - looked > UNTIMED_MS ? 1 : Math.min(UNTIMED_EVENTS, 2 * stride)
      untimed = stride
      looked = now
      return rest()
    }

    while (!travel.isThere) {
      if (windowStart !== undefined && line.sequence <= windowStart) windowStart = undefined
      const goal = windowStart ?? travel.target
      const next = line.sequence + 1
      const due = line.due()
      const record = goal < next ? undefined : records.find(next)
      if (due || goal < next) {
        if (due) while (!due.next().done) await rest()
        else line.back(goal)
        await rest()
        // The next event may be larger than those before.
        stride = untimed = 1
      } else if (record) {
        const event = eventsIn(record)[next - record.first]!
        if (event.at > until) {
          until = Infinity
          travel.target = line.sequence
          // Only now it is known where the window begins.
          windowStart = Math.max(start, travel.target - WAY_BACK_EVENTS)
        } else if (record.last < travel.target - WAY_BACK_EVENTS) line.pass(event, record)
        else line.forward(event, record)
        // Most events wait for nothing, not even for a microtask.
        const resting = folded()
        if (resting) await resting
      } else {
        await records.load(next)
        // The page could render meanwhile.
        breather = createBreather(signal)
      }
    }
  }

  const travel: Travel = {
    target: start,
    get isThere() {
      return line.standsAt(travel.target)
    },
    go,
  }
  return travel
}
