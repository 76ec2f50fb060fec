import type { Key } from '../../data.ts'
import type { AnyRecorded, EventTypes } from '../../model/events.ts'
import type { Fold } from '../../model/fold.ts'
import { deepFreeze } from '../../model/json.ts'
import { createFolds, type ReadModel, readOf } from '../../model/model.ts'
import { loadBases } from '../../projections/base.ts'
import type { Engine } from '../types.ts'
import { openCore, type Watch } from './openCore.ts'
import { createSeeker } from './seeker.ts'
import { storedPoints } from './storedPoints.ts'
import { createTimeline, firstsOf } from './timeline.ts'

/** One row that an event changed, or one value (without `key`). `before` or `after` is undefined if the row did not exist then. */
export interface RowChange<P> {
  readonly projection: keyof P & string
  readonly key?: Key
  readonly before: unknown
  readonly after: unknown
}

/** The state as it was at `sequence`. */
export interface Past<E extends EventTypes, P> {
  readonly sequence: number
  /** The state at `sequence`. A new object per move. */
  readonly read: ReadModel<P>
  /** The event at `sequence`; undefined where the log begins. */
  readonly event: AnyRecorded<E> | undefined
  /** The changes of that event to resident tables and values. */
  readonly changes: readonly RowChange<P>[]
  /** Moves the view. If it is called again meanwhile, the last call counts, and all of them resolve when the view is there. */
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
 * The first call folds the log up to the point, in slices, with `onProgress`. It begins at rows of the past that the pipeline has kept. From then on the view moves in both directions: moves over the
 * last thousands of events are fast, and a move further back folds again from rows that were kept on the way. The view uses today's versions
 * of events and today's `evolve`, and has no rows of tables on disk. A sequence that the log does not have rejects with `RangeError`;
 * an archived log begins at its base. Otherwise it rejects like any reader: `CorruptLog`, `OutdatedCodeError`, `StorageError`, `EngineClosed`.
 */
export async function at<E extends EventTypes, P, C>(
  engine: Engine<E, P, C>,
  point: number | Date,
  { signal, onProgress }: Watch = {},
): Promise<Past<E, P>> {
  const core = openCore(engine)
  signal?.throwIfAborted()
  const { database, model } = core
  const first = createFolds(model)
  if (database) await loadBases(database, first)
  const start = database?.log?.base ?? 0
  const line = createTimeline(first, () => createFolds(model), start)
  const seeker = createSeeker(line, core.log, core.types, start, database && storedPoints(database, first))
  let moving: Promise<void> | undefined
  let shown: { readonly sequence: number; readonly folds: readonly Fold[]; readonly read: ReadModel<P> } | undefined

  function inLog(sequence: number): number {
    if (Number.isInteger(sequence) && sequence >= start && sequence <= core.head) return sequence
    throw new RangeError(`at: the log holds ${start} to ${core.head}, not ${sequence}. Pass a sequence within it`)
  }

  async function move(sequence: number): Promise<void> {
    openCore(engine)
    seeker.target = inLog(sequence)
    while (!seeker.isThere) {
      moving ??= seeker.seek({}).finally(() => {
        moving = undefined
      })
      await moving
    }
  }

  const until = typeof point === 'number' ? Infinity : point.getTime()
  if (Number.isNaN(until)) throw new RangeError('at: the date is invalid. Pass a sequence or a valid Date')
  seeker.target = typeof point === 'number' ? inLog(point) : core.head
  await seeker.seek({
    until,
    signal,
    onProgress: (done) => onProgress?.({ phase: 'catch-up', done, total: seeker.target }),
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
