import type { MirrorStatus } from '../log/channel.ts'
import { shallowEqual } from '../model/isEqual.ts'
import type { Lag } from './lag.ts'

/** What a mirror knows of its files. */
export interface MirrorFiles {
  /** The last event in them. */
  readonly last: number
  /** They are to be in another place. */
  readonly isMoving?: boolean
  /** Why nothing is written. */
  readonly reason?: string
}

/** Where a mirror is; undefined while another one has the lock, and says it. */
export function mirrorStatusOf(
  known: MirrorFiles | undefined,
  lag: Pick<Lag, 'isLate'>,
  now: number,
): MirrorStatus | undefined {
  if (!known) return
  const { last, isMoving, reason } = known
  if (reason !== undefined) return { state: 'off', sequence: 0, reason }
  return { state: isMoving || lag.isLate(now) ? 'behind' : 'on', sequence: last }
}

export interface Teller {
  /** Tells the tabs if something has changed for them; `again`: even if not. */
  tell(again?: boolean): void
  know(facts: MirrorFiles | undefined): void
  readonly known: MirrorFiles | undefined
}

/** Tells the tabs of one log where its mirror is. */
export function createTeller(lag: Lag, post: (hint: { readonly mirror: MirrorStatus }) => void): Teller {
  let known: MirrorFiles | undefined
  let lastTold: MirrorStatus | undefined
  const teller: Teller = {
    get known() {
      return known
    },
    tell(again = false) {
      const mirror = mirrorStatusOf(known, lag, Date.now())
      if (mirror && (again || !shallowEqual(mirror, lastTold))) post({ mirror })
      lastTold = mirror
    },
    know(facts) {
      known = facts
      if (facts) teller.tell()
      else lastTold = undefined
    },
  }
  return teller
}
