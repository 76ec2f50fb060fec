import type { CommitRecord } from '../../log/commit.ts'
import type { AnyRecordedEvent } from '../../model/events.ts'
import { type Change, type Fold, type Journal, type Slot, undo } from '../../model/fold.ts'
import { fillFrom, type Point, pointOf } from './points.ts'

/** The number of events after which steps become a stretch. A step back over the beginning of a stretch folds that many again. */
const STRETCH_EVENTS = 256
/** The number of changes after which steps become a stretch, because a stretch is taken back without a pause. */
const STRETCH_CHANGES = 8192
/** The most stretches that are kept, unless the present record begins in an older one. */
const STRETCHES_MAX = 64
/** Events between two points (more, if there are more rows). A move beyond the stretches folds that many again. */
const POINT_EVENTS = 8192
const POINTS_MAX = 32

type Range = Pick<CommitRecord, 'first' | 'last'>

interface FoldedStep {
  readonly event: AnyRecordedEvent
  readonly journal: Journal
}

/**
 * Past events, as the first change of each slot that they touched: enough to go back to `after`. Memory grows
 * with the rows that a stretch touches, not with its events.
 */
interface FoldedStretch {
  readonly after: number
  readonly firsts: Change[]
  /** The insertion counter of each fold at `after`. */
  readonly next: readonly number[]
}

/**
 * Folds that go back as well as forward. `forward`, `pass` and `back` do a bounded piece of work. After each of them, `due` gives the
 * work that has to be done before the next, in pieces.
 */
export interface Timeline {
  /** Other objects after a jump. */
  readonly folds: readonly Fold[]
  readonly sequence: number
  /** Is the timeline at this sequence, does it know the changes of that event, and is no work due? */
  standsAt(sequence: number): boolean
  /** The last event and its changes; undefined at the log's beginning. */
  readonly last: FoldedStep | undefined
  /** Folds one event, and keeps its changes for the way back. If it can't be folded, takes back its whole record. */
  forward(event: AnyRecordedEvent, record: Range): void
  /** Folds one event on the way to a distant one. Keeps no changes: the way back over it starts from a point. */
  pass(event: AnyRecordedEvent, record: Range): void
  /** Goes towards an earlier sequence: to it, over the beginning of one stretch, or (as `due`) to a point before it. */
  back(sequence: number): void
  /** The sequence from which it would fold on to go there. */
  startTo(sequence: number): number
  /** Goes on from a point that was stored. */
  leap(point: Point): void
  /** A jump, or the keeping of a point. Nothing else may be called until it has ended. */
  due(): Generator<void, void> | undefined
}

/** `create` gives empty folds; the first ones hold what the log begins with. */
export function createTimeline(first: readonly Fold[], create: () => readonly Fold[], start: number): Timeline {
  /** By projection: the first event that it can't fold. */
  const failedAt = new Map<string, number>()
  let folds = first
  let past: FoldedStretch[] = []
  let sequence = start
  /** The steps after the last stretch of `past`. They begin at `stretchStart`. */
  let steps: FoldedStep[] = []
  let changes = 0
  let stretchStart = startStretch()
  const points: Point[] = []
  let between = POINT_EVENTS
  /** An event has failed. From now on every event is a step, so that its commit can be taken back. */
  let isCareful = false
  let isPointDue = true
  /** If set, a jump is due: to the last point before this sequence, or to the log's beginning. */
  let jump: number | undefined

  const pointBefore = (before: number): Point | undefined => points.findLast(({ sequence }) => sequence < before)

  /** Points are in the order of the log. There may be later ones: a leap, or a move back, leads to a place before them. */
  function insert(point: Point): void {
    const before = pointBefore(point.sequence + 1)
    if (before?.sequence !== point.sequence) points.splice(before ? points.indexOf(before) + 1 : 0, 0, point)
  }

  function startStretch(): Omit<FoldedStretch, 'firsts'> {
    return { after: sequence, next: folds.map((fold) => fold.next) }
  }

  function forgetWayBack(): void {
    past = []
    steps = []
    changes = 0
  }

  /** Can the fold take this event? Not if it has no base in an archived log, and not after an event that it can't fold. */
  const works = (fold: Fold, sequence: number): boolean =>
    !fold.failed && sequence <= (failedAt.get(fold.name) ?? Infinity)

  function close({ first }: Range): void {
    past.push({ ...stretchStart, firsts: firstsOf(steps.flatMap(({ journal }) => journal)) })
    steps = []
    changes = 0
    while (past.length > STRETCHES_MAX && past[1]!.after < first) past.shift()
  }

  function takeBack({ after, firsts, next }: FoldedStretch): void {
    for (const change of firsts.reverse()) {
      // Skips a slot that was absent before the stretch and is absent now.
      if (change.before !== undefined || change.slot.row !== undefined) change.fold.revert(change)
    }
    for (const [i, fold] of folds.entries()) fold.next = next[i]!
    sequence = after
  }

  /** Takes back the record of an event that failed. The journal gets that as changes, so that going back over the event restores it. */
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

  /** At the end of a record, finds out whether a point is due. More rows mean fewer points, so that keeping them stays cheap. */
  function arrive(record: Range): void {
    if (sequence !== record.last) return
    const { sequence: last, rows } = pointBefore(sequence + 1)!
    isPointDue = sequence - last >= Math.max(between, rows)
  }

  function* keepPoint(): Generator<void, void> {
    insert(yield* pointOf(folds, sequence))
    isPointDue = false
    if (points.length <= POINTS_MAX) return
    between *= 2
    for (let i = 1; i < points.length; i++) points.splice(i, 1)
  }

  /** Fills new folds, so that readers of the present ones see no half-filled state. */
  function* jumpBefore(before: number): Generator<void, void> {
    const point = pointBefore(before) ?? points[0]!
    const others = create()
    yield* fillFrom(point, others)
    for (const [i, fold] of folds.entries()) others[i]!.failed = fold.failed
    folds = others
    sequence = point.sequence
    forgetWayBack()
    jump = undefined
  }

  const line: Timeline = {
    get folds() {
      return folds
    },
    get sequence() {
      return sequence
    },
    get last() {
      return steps.at(-1)
    },
    standsAt: (wanted) =>
      wanted === sequence && jump === undefined && !isPointDue && (steps.length > 0 || sequence === start),
    forward(event, record) {
      // A record that is longer than a stretch begins one, so that all of it can be taken back if one of its events fails.
      const length = event.sequence === record.first ? record.last - sequence : 1
      if (steps.length && (steps.length + length > STRETCH_EVENTS || changes > STRETCH_CHANGES)) close(record)
      if (!steps.length) stretchStart = startStretch()
      const journal: Journal = []
      for (const fold of folds) {
        if (!works(fold, event.sequence)) continue
        try {
          fold.apply(event, journal)
        } catch {
          isCareful = true
          failedAt.set(fold.name, event.sequence)
          if ((past[0] ?? stretchStart).after >= record.first) {
            jump = record.first
            return
          }
          takeBackRecord(fold, record, journal)
        }
      }
      steps.push({ event, journal })
      changes += journal.length
      sequence = event.sequence
      arrive(record)
    },
    pass(event, record) {
      if (isCareful) {
        line.forward(event, record)
        return
      }
      if (steps.length || past.length) forgetWayBack()
      try {
        for (const fold of folds) if (!fold.failed) fold.apply(event)
      } catch {
        isCareful = true
        jump = sequence + 1
        return
      }
      sequence = event.sequence
      arrive(record)
    },
    back(wanted) {
      while (steps.length && sequence > wanted) {
        const { journal } = steps.pop()!
        changes -= journal.length
        undo(journal)
        sequence--
      }
      if (line.standsAt(wanted)) return
      const before = past.pop()
      if (before) takeBack(before)
      else jump = wanted
    },
    startTo(wanted) {
      // After a failure, rows that other code stored may be ahead of it.
      if (isCareful) return wanted
      if (wanted >= sequence) return sequence
      if (wanted > (past[0] ?? stretchStart).after) return wanted
      return pointBefore(wanted)?.sequence ?? start
    },
    leap(point) {
      insert(point)
      jump = point.sequence + 1
    },
    due() {
      if (jump !== undefined) return jumpBefore(jump)
      return isPointDue ? keepPoint() : undefined
    },
  }
  return line
}

export function firstsOf(changes: readonly Change[]): Change[] {
  const seen = new Set<Slot>()
  return changes.filter(({ slot }) => {
    const isFirst = !seen.has(slot)
    seen.add(slot)
    return isFirst
  })
}
