import type { ReadPosition, TrailMark } from '../log/local.ts'
import type { Opened, ReadCommit } from './message.ts'

/** A message that was read, and its place. */
export interface Read {
  readonly position: string
  readonly opened: Opened
}

/** What the messages behind a position are of the log. */
export interface Derived {
  /** The commits that chain: every device finds the same ones, because only bytes decide (rules 3 and 10). */
  readonly commits: readonly ReadCommit[]
  readonly position: ReadPosition
  /** Of the log that the messages make; undefined if there is none. */
  readonly lineage: string | undefined
  /** A newer build wrote the message behind the last one here. */
  readonly newer: string | undefined
}

/** Messages whose places are remembered one by one; further back, at doubling distances. */
const TRAIL = 64

/** Follows the chain of a log from a position through the messages behind it. At the beginning, the first message names the lineage. */
export function derive(from: ReadPosition, messages: readonly Read[], known: string): Derived {
  const commits: ReadCommit[] = []
  let mark: TrailMark = from
  let lineage = from.head ? known : undefined
  let newer: string | undefined
  for (const { position, opened } of messages) {
    if (opened.is === 'newer' && opened.after === mark.last) {
      newer = opened.what
      break
    }
    const { head, last } = mark
    mark = { position, id: opened.id, head, last }
    if (opened.is !== 'message') continue
    const { header } = opened
    // It names the commit before it: else it came too late, or twice, and is no log.
    if (header.after !== last || header.first !== head + 1) continue
    if (lineage !== undefined && header.lineage !== lineage) continue
    lineage ??= header.lineage
    commits.push(...opened.commits)
    mark = { position, id: opened.id, head: header.last, last: header.id }
  }
  const { position, id, head, last } = mark
  return { commits, position: { position, id, head, last, trail: longer(from, mark) }, lineage, newer }
}

/** The trail with the place that was left. */
function longer({ trail, ...left }: ReadPosition, now: TrailMark): readonly TrailMark[] {
  if (left.position === now.position || !left.position) return trail
  const marks = [left, ...trail]
  const kept = marks.slice(0, TRAIL)
  let distance = TRAIL
  for (const mark of marks.slice(TRAIL)) {
    if ((kept.at(-1)?.head ?? 0) - mark.head < distance && mark !== marks.at(-1)) continue
    kept.push(mark)
    distance *= 2
  }
  return kept
}
