import type { OpenEvent } from '../log/stores.ts'
import { LONGEST_RETRY_MS } from './afterAttempt.ts'
import { isStarted } from './entry.ts'

/** Milliseconds after which the clock is read again: a browser's timer of many days fires at once, and clocks jump. */
export const LONGEST_WAIT_MS = 3_600_000

/** What `next` knows of one reaction. */
export interface Lanes {
  readonly concurrency: number
  /** In the order of the log. */
  readonly open: Iterable<OpenEvent>
  /** An attempt of it is under way here. */
  isBusy(open: OpenEvent): boolean
}

/** What begins now, and in how many milliseconds there may be more. */
export interface Next {
  readonly start: readonly OpenEvent[]
  readonly wait: number
}

/**
 * Decides which events have an attempt now: of each lane the first, or the one that had an attempt already, and as many lanes as run at the
 * same time. Pure. An event enters its lane when its time has come.
 */
export function nextUp({ concurrency, open, isBusy }: Lanes, now: number): Next {
  const heads = new Map<string, OpenEvent>()
  let wake = now + LONGEST_WAIT_MS
  let running = 0
  for (const one of open) {
    if (isBusy(one)) running++
    if (one.dead || one.done) continue
    if (one.due > now && !isStarted(one)) {
      wake = Math.min(wake, one.due)
      continue
    }
    const head = heads.get(one.lane)
    if (!head || (!isStarted(head) && isStarted(one))) heads.set(one.lane, one)
  }
  const start: OpenEvent[] = []
  for (const head of heads.values()) {
    if (isBusy(head)) continue
    // A clock that went back makes nobody wait longer than a retry does.
    const isWaiting = head.until > now && head.until <= now + LONGEST_RETRY_MS
    if (isWaiting) wake = Math.min(wake, head.until)
    else if (running < concurrency) {
      running++
      start.push(head)
    }
  }
  return { start, wait: wake - now }
}
