import { groupOf } from './compose.ts'
import type { Pending } from './pending.ts'
import type { Tab } from './tab.ts'

/** After this many lost races, a command is decided inside the appending transaction (rule 4). */
export const LOST_RACES = 2

export type NextStep =
  /** Nothing is left to do. */
  | { readonly do: 'rest' }
  /** Do nothing until then, by `performance.now()`. */
  | { readonly do: 'wait'; readonly until: number }
  | { readonly do: 'read' }
  /** The disk is full: delete something for this command. */
  | { readonly do: 'make room'; readonly pending: Pending }
  /** The engine has ended: reject its commands. */
  | { readonly do: 'dismiss' }
  /** Settle commands without events that have no accepted command before them. */
  | { readonly do: 'settle'; readonly leading: readonly Pending[] }
  | { readonly do: 'append'; readonly group: readonly Pending[] }
  | { readonly do: 'decide inside'; readonly commands: readonly Pending[] }

type TabState = Pick<Tab, 'pending' | 'state' | 'trouble' | 'full' | 'behind' | 'appended' | 'appendFrom'>

/** Decides what a tab does next. Pure: `work` carries it out, `afterwards` handles the outcome. */
export function next(tab: TabState, now: number): NextStep {
  const { pending, state, trouble, full, behind, appended, appendFrom = now } = tab
  const isUnsure = pending.some(({ phase }) => phase === 'unsure')
  if (state !== 'ready') return isUnsure ? { do: 'read' } : pending.length ? { do: 'dismiss' } : { do: 'rest' }
  if (trouble && now < trouble.until) return { do: 'wait', until: trouble.until }
  const contended = pending.some(({ tries }) => tries.races >= LOST_RACES)
  if (isUnsure || trouble || (behind && !contended)) return { do: 'read' }
  if (full?.phase === 'waiting') return { do: 'make room', pending: full }
  if (!pending.length) return { do: 'rest' }
  const accepted = pending.filter(({ decision }) => decision.events.length)
  if (accepted.length && now < appendFrom) return { do: 'wait', until: appendFrom }
  const leading = accepted[0] ? pending.slice(0, pending.indexOf(accepted[0])) : [...pending]
  if (contended) return { do: 'decide inside', commands: [...leading, ...groupOf(accepted)] }
  // Appends and settlements alternate, so that a stream of appends does not keep a rejection waiting.
  if (leading.length && (appended || !accepted.length)) return { do: 'settle', leading }
  return { do: 'append', group: groupOf(accepted) }
}
