import { CommandRejected } from '../errors.ts'
import type { OpenEvent } from '../log/stores.ts'
import { toWire } from '../log/wire.ts'
import type { AnyDefinition } from './types.ts'

/** Attempts of a handler, and milliseconds before the second one, unless the reaction says otherwise. */
export const TRIES = 6
export const RETRY_DELAY_MS = 1000
/** Milliseconds before an attempt that failed offline is made again, unless the network is back before. */
const OFFLINE_MS = 30_000
/** Milliseconds between two attempts, at most. */
export const LONGEST_RETRY_MS = 3_600_000

type Rules = Pick<AnyDefinition, 'retry' | 'lost' | 'failed'>

/** What becomes of an event whose attempt threw. `chance` is from 0 to 1: attempts of many events do not come together. */
export function afterFailure(
  open: OpenEvent,
  cause: unknown,
  rules: Rules,
  { now, chance, isOffline }: { readonly now: number; readonly chance: number; readonly isOffline: boolean },
): OpenEvent {
  const { tries = TRIES, delay = RETRY_DELAY_MS } = rules.retry ?? {}
  const error = toWire(cause)
  const attempts = open.attempts + 1
  const wait = Math.min(LONGEST_RETRY_MS, delay * 2 ** open.attempts) * (0.5 + chance / 2)
  const again: OpenEvent = { ...open, running: '', error, until: now + wait }
  if (cause instanceof CommandRejected) return failedFor(again, rules)
  if (isOffline) return { ...again, until: now + OFFLINE_MS }
  return attempts < tries ? { ...again, attempts } : failedFor(again, rules)
}

/** What becomes of an event whose attempt died with its page or worker. */
export function afterDeath(open: OpenEvent, rules: Rules): OpenEvent {
  const attempts = open.attempts + 1
  const again: OpenEvent = { ...open, running: '', until: 0 }
  if (open.handler === 'run' && rules.lost) return { ...again, handler: 'lost', attempts: 0 }
  const { tries = TRIES } = rules.retry ?? {}
  const error = toWire(new Error('The page or worker of the last attempt died.'))
  return attempts < tries ? { ...again, attempts } : failedFor({ ...again, error }, rules)
}

/** Its end has to be written; if that failed, or nobody can, it is a dead letter. */
export const failedFor = (open: OpenEvent, { failed }: Pick<Rules, 'failed'>): OpenEvent =>
  open.handler === 'failed' || !failed
    ? { ...open, running: '', dead: true }
    : { ...open, running: '', handler: 'failed', attempts: 0, until: 0 }
