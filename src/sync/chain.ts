import type { ReadPosition, TrailMark } from '../log/local.ts'
import type { Opened, ReadCommit } from './message.ts'

/** A message that was read, and its position. */
export interface Read {
  readonly position: string
  readonly opened: Opened
}

/** The result of reading the messages after a position. */
export interface Derived {
  /** The commits that continue the chain. Every device finds the same commits, because only the bytes decide (rules 3 and 10). */
  readonly commits: readonly ReadCommit[]
  readonly position: ReadPosition
  /** The lineage of the log in the messages. undefined if they contain no log. */
  readonly lineage: string | undefined
  /** What this build does not know of the next message, if a newer build wrote it. */
  readonly newer: string | undefined
}

/** The number of last messages whose positions are all kept. Further back, the distances between kept positions double. */
const TRAIL = 64

/** Follows the chain of a log through the messages after a position. At the beginning of a log, the first message names the lineage. */
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
    // A message names the commit before it. If this is not the last commit, the message came too late or twice, and does not count.
    if (header.after !== last || header.first !== head + 1) continue
    if (lineage !== undefined && header.lineage !== lineage) continue
    lineage ??= header.lineage
    commits.push(...opened.commits)
    mark = { position, id: opened.id, head: header.last, last: header.id }
  }
  const { position, id, head, last } = mark
  return { commits, position: { position, id, head, last, trail: longer(from, mark) }, lineage, newer }
}

/** The trail, with the previous position added. */
function longer({ trail, ...previous }: ReadPosition, now: TrailMark): readonly TrailMark[] {
  if (previous.position === now.position || !previous.position) return trail
  const marks = [previous, ...trail]
  const kept = marks.slice(0, TRAIL)
  let distance = TRAIL
  for (const mark of marks.slice(TRAIL)) {
    if ((kept.at(-1)?.head ?? 0) - mark.head < distance && mark !== marks.at(-1)) continue
    kept.push(mark)
    distance *= 2
  }
  return kept
}
