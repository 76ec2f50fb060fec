import type { MirrorStatus } from '../log/channel.ts'
import { shallowEqual } from '../model/isEqual.ts'
import type { Lag } from './lag.ts'

/** What a mirror knows of its files. */
export interface Known {
  /** The last event in them. */
  readonly last: number
  /** They are to be in another place. */
  readonly isMoving?: boolean
  /** Why nothing is written. */
  readonly reason?: string
}

/** Where a mirror is; undefined while another one has the lock, and says it. */
export function statusOf(known: Known | undefined, lag: Pick<Lag, 'isLate'>, now: number): MirrorStatus | undefined {
  if (!known) return
  const { last, isMoving, reason } = known
  if (reason !== undefined) return { state: 'off', sequence: 0, reason }
  return { state: isMoving || lag.isLate(now) ? 'behind' : 'on', sequence: last }
}

export interface Teller {
  /** Tells the tabs if something has changed for them; `again`: even if not. */
  tell(again?: boolean): void
  know(facts: Known | undefined): void
  readonly known: Known | undefined
}

/** Tells the tabs of one log where its mirror is. */
export function createTeller(lag: Lag, post: (hint: { readonly mirror: MirrorStatus }) => void): Teller {
  let known: Known | undefined
  let told: MirrorStatus | undefined
  const teller: Teller = {
    get known() {
      return known
    },
    tell(again = false) {
      const mirror = statusOf(known, lag, Date.now())
      if (mirror && (again || !shallowEqual(mirror, told))) post({ mirror })
      told = mirror
    },
    know(facts) {
      known = facts
      if (facts) teller.tell()
      else told = undefined
    },
  }
  return teller
}
