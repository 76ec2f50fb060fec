import { CommandRejected } from '../errors.ts'
import type { OpenEvent } from '../log/stores.ts'
import { toWire } from '../log/wire.ts'
import type { AnyDefinition } from './types.ts'

/** Defaults: the attempts of a handler, and the milliseconds before the second attempt. */
export const TRIES = 6
export const RETRY_DELAY_MS = 1000
/** Milliseconds before an attempt that failed offline is repeated, unless the network returns earlier. */
const OFFLINE_MS = 30_000
/** The longest delay between two attempts, in milliseconds. */
export const LONGEST_RETRY_MS = 3_600_000

type Rules = Pick<AnyDefinition, 'retry' | 'lost' | 'failed'>

/** The state of an event after its attempt threw. `chance`, from 0 to 1, spreads the attempts of many events over time. */
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

/** The state of an event after its attempt died with its page or worker. */
export function afterDeath(open: OpenEvent, rules: Rules): OpenEvent {
  const attempts = open.attempts + 1
  const again: OpenEvent = { ...open, running: '', until: 0 }
  if (open.handler === 'run' && rules.lost) return { ...again, handler: 'lost', attempts: 0 }
  const { tries = TRIES } = rules.retry ?? {}
  const error = toWire(new Error('The page or worker of the last attempt died.'))
  return attempts < tries ? { ...again, attempts } : failedFor({ ...again, error }, rules)
}

/** Hands the event to `failed`. It becomes a dead letter if `failed` itself has failed, or is missing. */
export const failedFor = (open: OpenEvent, { failed }: Pick<Rules, 'failed'>): OpenEvent =>
  open.handler === 'failed' || !failed
    ? { ...open, running: '', dead: true }
    : { ...open, running: '', handler: 'failed', attempts: 0, until: 0 }
