import type { CommitRecord } from '../../log/commit.ts'
import type { AnyRecordedEvent } from '../../model/events.ts'
import { type Change, type Fold, type Journal, type Slot, undo } from '../../model/fold.ts'

/** Events after which a stretch is closed: what a step back over its beginning folds again. */
const STRETCH = 256
/** When stretches are joined: what bounds the memory, and the time of a step over a beginning. */
const MOST_CHANGES = 524_288
const MOST_STRETCHES = 1024
const FEWEST_STRETCHES = 64

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
  last: number
  readonly firsts: Firsts
  /** The insertion counter of each fold at `after`. */
  readonly next: readonly number[]
}

/** Folds that go back as well as forward. */
export interface Timeline {
  readonly sequence: number
  /** Stands there, and knows what its event changed. */
  standsAt(sequence: number): boolean
  /** The last event and its changes; undefined where the log begins. */
  readonly last: Step | undefined
  /** One event. What fails in a record takes back the whole record. */
  forward(event: AnyRecordedEvent, record: Range): void
  /** A whole record on the way to a later one, or, where something fails, up to some earlier place. */
  pass(events: readonly AnyRecordedEvent[], record: Range): void
  /** Towards an earlier sequence: to it, or over the beginning of one stretch. */
  back(sequence: number): void
}

export function createTimeline(folds: readonly Fold[], start: number): Timeline {
  const failedAt = new Map<Fold, number>()
  const past: Stretch[] = []
  /** Behind the last one of `past`: events that were passed, or steps. */
  let stretch = begin(start)
  let steps: Step[] = []
  /** Something failed in a pass: from now on every event is a step, so that the commit can be taken back. */
  let careful = false

  function begin(after: number): Stretch {
    return { after, last: after, firsts: createFirsts(), next: folds.map((fold) => fold.next) }
  }

  /** Without a base in an archived log, or behind the event that it can't fold: nothing. */
  const works = (fold: Fold, sequence: number): boolean => !fold.failed && sequence <= (failedAt.get(fold) ?? Infinity)

  const length = (): number => stretch.last - stretch.after

  /** A record that is cut into stretches begins one, so that what fails in it can be taken back to its beginning. */
  const isFull = (sequence: number, { first, last }: Range): boolean =>
    length() >= STRETCH || (sequence === first && length() > 0 && length() + last - first >= STRETCH)

  function close(): void {
    for (const { journal } of steps) for (const change of journal) stretch.firsts.push(change)
    past.push(stretch)
    stretch = begin(stretch.last)
    steps = []
    const tooMany = (): boolean =>
      past.length > MOST_STRETCHES || past.reduce((sum, { firsts }) => sum + firsts.changes.length, 0) > MOST_CHANGES
    while (past.length > FEWEST_STRETCHES && tooMany()) joinShortest()
  }

  /** Two neighbours become one, so that all of them stay about as long. */
  function joinShortest(): void {
    const lengthOf = (i: number): number => past[i + 1]!.last - past[i]!.after
    let at = 0
    for (let i = 1; i + 1 < past.length; i++) if (lengthOf(i) < lengthOf(at)) at = i
    const [one, other] = past.slice(at, at + 2) as [Stretch, Stretch]
    for (const change of other.firsts.changes) one.firsts.push(change)
    one.last = other.last
    past.splice(at + 1, 1)
  }

  function takeBack(): void {
    while (steps.length) undo(steps.pop()!.journal)
    for (const change of stretch.firsts.changes.reverse()) {
      // A slot that came and went within the stretch is absent on both ends.
      if (change.before !== undefined || change.slot.row !== undefined) change.fold.revert(change)
    }
    for (const [i, fold] of folds.entries()) fold.next = stretch.next[i]!
    stretch = begin(stretch.after)
  }

  /** What a failing event takes back is a change like others: going back over it brings it again. */
  function takeBackRecord(fold: Fold, { first }: Range, journal: Journal): void {
    const since = [
      ...past.flatMap(({ after, firsts }) => (after >= first - 1 ? firsts.changes : [])),
      ...steps.flatMap(({ event, journal }) => (event.sequence >= first ? journal : [])),
    ]
    for (const { slot, ...change } of since.filter((one) => one.fold === fold).reverse()) {
      if (change.before === undefined && slot.row === undefined) continue
      journal.push({ fold, slot, before: slot.row, next: fold.next })
      fold.revert({ slot, ...change })
    }
  }

  function passed(event: AnyRecordedEvent, record: Range): boolean {
    if (isFull(event.sequence, record)) close()
    try {
      for (const fold of folds) if (works(fold, event.sequence)) fold.apply(event, stretch.firsts as never)
      stretch.last = event.sequence
    } catch {
      careful = true
      takeBack()
    }
    return !careful
  }

  const line: Timeline = {
    get sequence() {
      return stretch.last
    },
    get last() {
      return steps.at(-1)
    },
    standsAt: (sequence) => sequence === stretch.last && (steps.length > 0 || sequence === start),
    forward(event, record) {
      if (length() > steps.length || isFull(event.sequence, record)) close()
      const journal: Journal = []
      for (const fold of folds) {
        if (!works(fold, event.sequence)) continue
        try {
          fold.apply(event, journal)
        } catch {
          failedAt.set(fold, event.sequence)
          takeBackRecord(fold, record, journal)
        }
      }
      steps.push({ event, journal })
      stretch.last = event.sequence
    },
    pass(events, record) {
      if (steps.length) close()
      for (const event of events) {
        if (careful) line.forward(event, record)
        else if (!passed(event, record)) return
      }
    },
    back(sequence) {
      while (steps.length && stretch.last > sequence) {
        undo(steps.pop()!.journal)
        stretch.last--
      }
      if (line.standsAt(sequence)) return
      takeBack()
      if (sequence <= stretch.after && past.length) {
        stretch = past.pop()!
        takeBack()
      }
    },
  }
  return line
}

/** A journal of the first change of each slot. */
interface Firsts {
  readonly changes: Change[]
  push(change: Change): void
}

function createFirsts(): Firsts {
  const seen = new Set<Slot>()
  const changes: Change[] = []
  return {
    changes,
    push(change) {
      if (seen.size < seen.add(change.slot).size) changes.push(change)
    },
  }
}

export function firstsOf(journal: Journal): readonly Change[] {
  const firsts = createFirsts()
  for (const change of journal) firsts.push(change)
  return firsts.changes
}
