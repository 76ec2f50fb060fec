import type { ReactionReport } from '../log/channel.ts'
import type { ActiveReaction } from './activeReaction.ts'
import { isStarted, reactionKeyOf } from './entry.ts'

/** Counts the events of a reaction for `status`. */
export function reactionReportOf({ open, busy, error }: ActiveReaction, now: number): ReactionReport {
  const counts = { open: 0, running: 0, retrying: 0, dead: 0, due: 0 }
  for (const one of open.values()) {
    if (one.done) continue
    if (one.dead) {
      counts.dead++
      continue
    }
    counts.open++
    if (busy.has(reactionKeyOf(one))) counts.running++
    if (one.error) counts.retrying++
    if (one.due <= now || isStarted(one)) counts.due++
  }
  const state = counts.running ? 'running' : counts.open ? 'waiting' : 'idle'
  return { state, ...counts, ...(error && { error }) }
}
