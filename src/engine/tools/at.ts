import { pause, SLICE_MS } from '../../async.ts'
import type { Key } from '../../data.ts'
import { type CommitRecord, eventsOf } from '../../log/commit.ts'
import type { AnyRecorded, AnyRecordedEvent, EventTypes } from '../../model/events.ts'
import { deepFreeze } from '../../model/json.ts'
import { createFolds, type ReadModel, readOf } from '../../model/model.ts'
import { loadBases } from '../../projections/base.ts'
import { coreOf } from '../openEngine.ts'
import type { Engine, Progress } from '../types.ts'
import { recordsNear } from './recordsNear.ts'
import { createTimeline, firstsOf } from './timeline.ts'

/** Events before a target from which on the way back is kept: those further back are folded again from a point. */
const WINDOW = 4096

/** Events between two looks at the clock, which takes longer than a small one. */
const UNTIMED = 16

/** One row (or value: without `key`) that an event changed; undefined: there was none, there is none. */
export interface RowChange<P> {
  readonly projection: keyof P & string
  readonly key?: Key
  readonly before: unknown
  readonly after: unknown
}

/** The state as it was at `sequence`. */
export interface Past<E extends EventTypes, P> {
  readonly sequence: number
  /** A new object per move; it answers with the point where the view stands. */
  readonly read: ReadModel<P>
  /** The event at `sequence`; undefined where the log begins. */
  readonly event: AnyRecorded<E> | undefined
  /** What that event changed, in resident tables and values. */
  readonly changes: readonly RowChange<P>[]
  /** Goes there; of moves that overtake each other the last one counts, and all of them resolve when it has arrived. */
  move(sequence: number): Promise<void>
}

/**
 * A read-only view of the past: every resident table and value as it was after the event `point`, or before the first event later
 * than a `Date`.
 * @example
 * const past = await at(engine, new Date('2026-01-01'))
 * past.read.todos.all()
 * await past.move(past.sequence + 1)
 * console.log(past.event?.type, past.changes)
 *
 * The first look folds the log up to there, in slices, with `onProgress`; from then on it goes in both directions: thousands of events
 * back are at hand, what is further back is folded again from rows kept on the way. It reads today's versions of events and today's
 * `evolve`; rows on disk are not in it. A sequence that the log does not have rejects with `RangeError`;
 * an archived log begins at its base. Otherwise it rejects like any reader: `CorruptLog`, `OutdatedCodeError`, `StorageError`, `EngineClosed`.
 */
export async function at<E extends EventTypes, P, C>(
  engine: Engine<E, P, C>,
  point: number | Date,
  { signal, onProgress }: { readonly signal?: AbortSignal; readonly onProgress?: (progress: Progress) => void } = {},
): Promise<Past<E, P>> {
  const core = coreOf.get(engine)!
  const folds = createFolds(core.model)
  const { database } = core
  const start = database?.log?.base ?? 0
  if (database) await loadBases(database, folds)
  const line = createTimeline(folds, start)
  const records = recordsNear(core.log)
  let target = start
  let moving: Promise<void> | undefined
  let parsed: { readonly record: CommitRecord; readonly events: readonly AnyRecordedEvent[] } | undefined
  let read: object | undefined

  function eventsIn(record: CommitRecord): readonly AnyRecordedEvent[] {
    if (parsed?.record !== record) parsed = { record, events: eventsOf(record, core.types) }
    return parsed.events
  }

  function inLog(sequence: number): number {
    if (Number.isInteger(sequence) && sequence >= start && sequence <= core.head) return sequence
    throw new RangeError(`the log holds ${start} to ${core.head}, not ${sequence}`)
  }

  async function go(until = Infinity, signal?: AbortSignal): Promise<void> {
    let timed = line.sequence
    for (let slice = performance.now() + SLICE_MS; !line.standsAt(target); ) {
      const next = line.sequence + 1
      const record = records.find(next)
      if (target < next) line.back(target)
      else if (record) {
        const events = eventsIn(record)
        const event = events[next - record.first]!
        if (event.at > until) {
          target = line.sequence
          until = Infinity
          // Only now it is known where the window begins.
          for (const from = Math.max(start, target - WINDOW); line.sequence > from; ) line.back(from)
        } else if (event === events[0] && record.last < target - WINDOW && events.every(({ at }) => at <= until))
          line.pass(events, record)
        else line.forward(event, record)
      } else {
        await records.load(next)
        slice = performance.now() + SLICE_MS
      }
      read = undefined
      if (Math.abs(line.sequence - timed) < UNTIMED) continue
      timed = line.sequence
      if (performance.now() < slice) continue
      signal?.throwIfAborted()
      onProgress?.({ phase: 'catch-up', done: line.sequence, total: target })
      await pause()
      slice = performance.now() + SLICE_MS
    }
  }

  async function move(sequence: number): Promise<void> {
    target = inLog(sequence)
    while (!line.standsAt(target)) {
      await (moving ??= go().finally(() => {
        moving = undefined
      }))
    }
  }

  signal?.throwIfAborted()
  const until = typeof point === 'number' ? Infinity : point.getTime()
  if (Number.isNaN(until)) throw new RangeError('not a date')
  target = typeof point === 'number' ? inLog(point) : core.head
  await go(until, signal)
  return Object.freeze<Past<E, P>>({
    get sequence() {
      return line.sequence
    },
    get read() {
      return (read ??= Object.freeze(readOf(folds))) as ReadModel<P>
    },
    get event() {
      return line.last?.event as AnyRecorded<E> | undefined
    },
    get changes() {
      return firstsOf(line.last?.journal ?? []).map(({ fold, slot, before }) => ({
        projection: fold.name as keyof P & string,
        ...(fold.definition.into.kind === 'table' && { key: slot.key }),
        before: deepFreeze(before),
        after: deepFreeze(slot.row),
      }))
    },
    move,
  })
}
