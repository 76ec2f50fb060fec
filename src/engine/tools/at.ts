import type { Key } from '../../data.ts'
import type { AnyRecorded, EventTypes } from '../../model/events.ts'
import type { Fold } from '../../model/fold.ts'
import { deepFreeze } from '../../model/json.ts'
import { createFolds, type ReadModel, readOf } from '../../model/model.ts'
import { loadBases } from '../../projections/base.ts'
import type { Engine } from '../types.ts'
import { inside, type Watch } from './inside.ts'
import { createTimeline, firstsOf } from './timeline.ts'
import { createTravel } from './travel.ts'

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
 * ```ts
 * const past = await at(engine, new Date('2026-01-01'))
 * past.read.todos.all()
 * await past.move(past.sequence + 1)
 * console.log(past.event?.type, past.changes)
 * ```
 *
 * The first look folds the log up to there, in slices, with `onProgress`; from then on it goes in both directions: thousands of events
 * back are at hand, what is further back is folded again from rows kept on the way. It reads today's versions of events and today's
 * `evolve`; rows on disk are not in it. A sequence that the log does not have rejects with `RangeError`;
 * an archived log begins at its base. Otherwise it rejects like any reader: `CorruptLog`, `OutdatedCodeError`, `StorageError`, `EngineClosed`.
 */
export async function at<E extends EventTypes, P, C>(
  engine: Engine<E, P, C>,
  point: number | Date,
  { signal, onProgress }: Watch = {},
): Promise<Past<E, P>> {
  const core = inside(engine)
  signal?.throwIfAborted()
  const { database, model } = core
  const first = createFolds(model)
  if (database) await loadBases(database, first)
  const start = database?.log?.base ?? 0
  const line = createTimeline(first, () => createFolds(model), start)
  const travel = createTravel(line, core.log, core.types, start)
  let moving: Promise<void> | undefined
  let shown: { readonly sequence: number; readonly folds: readonly Fold[]; readonly read: ReadModel<P> } | undefined

  function inLog(sequence: number): number {
    if (Number.isInteger(sequence) && sequence >= start && sequence <= core.head) return sequence
    throw new RangeError(`at: the log holds ${start} to ${core.head}, not ${sequence}. Pass a sequence within it`)
  }

  async function move(sequence: number): Promise<void> {
    inside(engine)
    travel.target = inLog(sequence)
    while (!travel.isThere) {
      await (moving ??= travel.go({}).finally(() => {
        moving = undefined
      }))
    }
  }

  const until = typeof point === 'number' ? Infinity : point.getTime()
  if (Number.isNaN(until)) throw new RangeError('at: the date is invalid. Pass a sequence or a valid Date')
  travel.target = typeof point === 'number' ? inLog(point) : core.head
  await travel.go({
    until,
    signal,
    onProgress: (done) => onProgress?.({ phase: 'catch-up', done, total: travel.target }),
  })
  return Object.freeze<Past<E, P>>({
    get sequence() {
      return line.sequence
    },
    get read() {
      const { sequence, folds } = line
      if (shown?.sequence !== sequence || shown.folds !== folds)
        // The folds are the model's.
        shown = { sequence, folds, read: Object.freeze(readOf(folds)) as ReadModel<P> }
      return shown.read
    },
    get event() {
      // The log is this model's.
      return line.last?.event as AnyRecorded<E> | undefined
    },
    get changes() {
      return firstsOf(line.last?.journal ?? []).map(({ fold, slot, before }) => ({
        // The folds are the model's.
        projection: fold.name as keyof P & string,
        ...(fold.definition.into.kind === 'table' && { key: slot.key }),
        before: deepFreeze(before),
        after: deepFreeze(slot.row),
      }))
    },
    move,
  })
}
