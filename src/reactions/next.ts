import type { OpenEvent } from '../log/stores.ts'
import { LONGEST_RETRY_MS } from './afterAttempt.ts'
import { isStarted } from './entry.ts'

/** Milliseconds after which the clock is read again: a browser fires a timer of many days at once, and clocks jump. */
export const LONGEST_WAIT_MS = 3_600_000

/** What `nextUp` knows of one reaction. */
export interface Lanes {
  readonly concurrency: number
  /** In log order. */
  readonly open: Iterable<OpenEvent>
  /** Is an attempt of this event running here? */
  isBusy(open: OpenEvent): boolean
}

/** The events to start now, and the milliseconds until there may be more. */
export interface Next {
  readonly start: readonly OpenEvent[]
  readonly wait: number
}

/**
 * Decides which events have an attempt now: the first of each lane, or the one that has had an attempt, in as many lanes as may run at the
 * same time. Pure. An event enters its lane when it is due.
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
    // If the clock was set back, an event waits no longer than the longest retry.
    const isWaiting = head.until > now && head.until <= now + LONGEST_RETRY_MS
    if (isWaiting) wake = Math.min(wake, head.until)
    else if (running < concurrency) {
      running++
      start.push(head)
    }
  }
  return { start, wait: wake - now }
}
