import type { MirrorStatus } from '../log/channel.ts'
import { shallowEqual } from '../model/isEqual.ts'
import type { Lag } from './lag.ts'

/** The state of a mirror's files. */
export interface MirrorFiles {
  /** The last event in them. */
  readonly last: number
  /** The mirror is moving to another place. */
  readonly isMoving?: boolean
  /** Why nothing is written. */
  readonly reason?: string
}

/** The status of a mirror; undefined while another worker or page holds its lock and reports the status. */
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
  /** Tells the tabs the status if it has changed, or always if `again` is set. */
  tell(again?: boolean): void
  know(facts: MirrorFiles | undefined): void
  readonly known: MirrorFiles | undefined
}

/** Reports the status of one log's mirror to its tabs. */
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
