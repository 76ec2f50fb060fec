import type { CommitRecord } from '../../log/commit.ts'
import type { AnyRecordedEvent } from '../../model/events.ts'
import { type Change, type Fold, type Journal, type Slot, undo } from '../../model/fold.ts'

/** Events after which steps become a stretch: what a step back over its beginning folds again. */
const STRETCH = 256
/** Stretches that are kept, as long as no record begins in an older one. */
const MOST_STRETCHES = 64
/** Events between two points, where there are no more rows than that: what a move further back folds again. */
const BETWEEN_POINTS = 8192
const MOST_POINTS = 32

type Range = Pick<CommitRecord, 'first' | 'last'>

interface Step {
  readonly event: AnyRecordedEvent
  readonly journal: Journal
}

/**
 * Events that lie behind, as the first change of each slot they touched: enough to stand at `after` again. Memory grows
 * with the rows that a stretch touches, not with its events.
 */
interface Stretch {
  readonly after: number
  readonly firsts: Change[]
  /** The insertion counter of each fold at `after`. */
  readonly next: readonly number[]
}

/** All rows at the end of a record. Rows never change, so this is their places. */
interface Point {
  readonly sequence: number
  readonly folds: readonly {
    readonly rows: readonly unknown[]
    readonly ns: readonly number[]
    readonly next: number
  }[]
}

/** Folds that go back as well as forward. */
export interface Timeline {
  readonly sequence: number
  /** Stands there, and knows what its event changed. */
  standsAt(sequence: number): boolean
  /** The last event and its changes; undefined where the log begins. */
  readonly last: Step | undefined
  /** One event, and how to get back over it. What fails in a record takes back the whole record. */
  forward(event: AnyRecordedEvent, record: Range): void
  /** A whole record on the way to a distant one, or, where something fails, up to some earlier place. */
  pass(events: readonly AnyRecordedEvent[], record: Range): void
  /** Towards an earlier sequence: to it, over the beginning of one stretch, or to a point before it. */
  back(sequence: number): void
}

export function createTimeline(folds: readonly Fold[], start: number): Timeline {
  const failedAt = new Map<Fold, number>()
  let past: Stretch[] = []
  let sequence = start
  /** Behind the last one of `past`; `begun` is where. */
  let steps: Step[] = []
  let begun = begin()
  const points = [pointHere()]
  let between = BETWEEN_POINTS
  /** Something failed: from now on every event is a step, so that its commit can be taken back. */
  let careful = false

  function begin(): Omit<Stretch, 'firsts'> {
    return { after: sequence, next: folds.map((fold) => fold.next) }
  }

  function beginAnew(): void {
    past = []
    steps = []
    begun = begin()
  }

  /** Without a base in an archived log, or behind the event that it can't fold: nothing. */
  const works = (fold: Fold, sequence: number): boolean => !fold.failed && sequence <= (failedAt.get(fold) ?? Infinity)

  function close({ first }: Range): void {
    past.push({ ...begun, firsts: firstsOf(steps.flatMap(({ journal }) => journal)) })
    steps = []
    begun = begin()
    while (past.length > MOST_STRETCHES && (past[1] as Stretch).after < first) past.shift()
  }

  function takeBack({ after, firsts, next }: Stretch): void {
    for (const change of firsts.reverse()) {
      // A slot that came and went within the stretch is absent on both ends.
      if (change.before !== undefined || change.slot.row !== undefined) change.fold.revert(change)
    }
    for (const [i, fold] of folds.entries()) fold.next = next[i] as number
    sequence = after
    begun = begin()
  }

  /** What a failing event takes back is a change like others: going back over it brings it again. */
  function takeBackRecord(fold: Fold, { first }: Range, journal: Journal): void {
    const since = [
      ...past.flatMap(({ after, firsts }) => (after >= first - 1 ? firsts : [])),
      ...steps.flatMap(({ event, journal }) => (event.sequence >= first ? journal : [])),
    ]
    for (const { slot, ...change } of since.filter((one) => one.fold === fold).reverse()) {
      if (change.before === undefined && slot.row === undefined) continue
      journal.push({ fold, slot, before: slot.row, next: fold.next })
      fold.revert({ slot, ...change })
    }
  }

  function pointHere(): Point {
    return {
      sequence,
      folds: folds.map(({ slots, next }) => {
        const rows: unknown[] = []
        const ns: number[] = []
        for (const { row, n } of slots) {
          rows.push(row)
          ns.push(n)
        }
        return { rows, ns, next }
      }),
    }
  }

  /** The more rows there are, the further apart, so that keeping them stays cheap. */
  function keepPoint(): void {
    const { sequence: last, folds } = points.at(-1) as Point
    const behind = sequence - last
    if (behind < between || behind < folds.reduce((sum, { rows }) => sum + rows.length, 0)) return
    points.push(pointHere())
    if (points.length <= MOST_POINTS) return
    between *= 2
    for (let i = 1; i < points.length; i++) points.splice(i, 1)
  }

  /** Stands at the last point before a sequence, or where the log begins. */
  function toPoint(before: number): void {
    const point = points.findLast((point) => point.sequence < before) ?? (points[0] as Point)
    for (const [i, fold] of folds.entries()) {
      const { rows, ns, next } = point.folds[i] as Point['folds'][number]
      if (fold.failed) continue
      fold.clear()
      fold.load(rows, (i) => ns[i] as number)
      fold.next = next
    }
    sequence = point.sequence
    beginAnew()
  }

  const line: Timeline = {
    get sequence() {
      return sequence
    },
    get last() {
      return steps.at(-1)
    },
    standsAt: (wanted) => wanted === sequence && (steps.length > 0 || sequence === start),
    forward(event, record) {
      // A record that is cut into stretches begins one, so that what fails in it can be taken back to its beginning.
      const length = event.sequence === record.first ? record.last - sequence : 1
      if (steps.length && steps.length + length > STRETCH) close(record)
      const journal: Journal = []
      for (const fold of folds) {
        if (!works(fold, event.sequence)) continue
        try {
          fold.apply(event, journal)
        } catch {
          careful = true
          failedAt.set(fold, event.sequence)
          if ((past[0] ?? begun).after >= record.first) return toPoint(record.first)
          takeBackRecord(fold, record, journal)
        }
      }
      steps.push({ event, journal })
      sequence = event.sequence
      if (sequence === record.last) keepPoint()
    },
    pass(events, record) {
      if (careful) {
        for (const event of events) line.forward(event, record)
        return
      }
      try {
        for (const event of events) for (const fold of folds) if (!fold.failed) fold.apply(event)
      } catch {
        careful = true
        toPoint(sequence + 1)
        return
      }
      sequence = record.last
      beginAnew()
      keepPoint()
    },
    back(wanted) {
      while (steps.length && sequence > wanted) {
        undo((steps.pop() as Step).journal)
        sequence--
      }
      if (line.standsAt(wanted)) return
      const before = past.pop()
      if (before) takeBack(before)
      else toPoint(wanted)
    },
  }
  return line
}

export function firstsOf(changes: readonly Change[]): Change[] {
  const seen = new Set<Slot>()
  return changes.filter(({ slot }) => seen.size < seen.add(slot).size)
}
