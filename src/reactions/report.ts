import type { ReactionReport } from '../log/channel.ts'
import type { OpenEvent } from '../log/stores.ts'
import { toWire, type WireError } from '../log/wire.ts'
import { isStarted } from './entry.ts'
import type { Reports } from './place.ts'

/** Where a reaction stands. */
export function reportOf(
  open: Iterable<OpenEvent>,
  isBusy: (open: OpenEvent) => boolean,
  now: number,
  error: WireError | undefined,
): ReactionReport {
  const counts = { open: 0, running: 0, retrying: 0, dead: 0, due: 0 }
  for (const one of open) {
    if (one.dead) {
      counts.dead++
      continue
    }
    counts.open++
    if (isBusy(one)) counts.running++
    if (one.error) counts.retrying++
    if (one.due <= now || isStarted(one)) counts.due++
  }
  const state = counts.running ? 'running' : counts.open ? 'waiting' : 'idle'
  return { state, ...counts, ...(error && { error }) }
}

/** Of code that can't run them. */
export const stoppedReports = (declared: readonly (readonly [name: string, unknown])[], cause: unknown): Reports =>
  Object.fromEntries(
    declared.map(([name]) => [
      name,
      { state: 'stopped', open: 0, running: 0, retrying: 0, dead: 0, due: 0, error: toWire(cause) },
    ]),
  )
