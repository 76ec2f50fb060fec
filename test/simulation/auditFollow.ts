import type { Tab } from './audit.ts'
import type { Browser } from './browser.ts'
import type { Actor, World } from './world.ts'

/** Checks tabs that can't follow their log: they report it, send few requests and messages, and recover without help. */

export interface FollowAudit {
  /** An action on a tab or worker allows it more requests. */
  stimulated(actor: Actor, asks?: number): void
  /** The engine of a tab is open. */
  opened(tab: Tab): void
  /** The requests to storage and network so far, and the calls of a subscriber that only report the failure. */
  countsOf(tab: Tab): Counts
  /** The last event that this tab knows from hints. */
  heardBy(tab: Tab): number
  /** Checks that this tab follows its log again, because the faults ended long enough ago. */
  checkRecovered(tab: Tab): void
}
export interface Counts {
  asked: number
  told: number
  /** The last requests. */
  asks: string[]
}
interface Known extends Counts {
  /** The number of requests that the actor may still send. */
  left: number
  at: number
  /** The last event that the actor knows from hints, by log id. */
  readonly heard: Map<string, number>
}

/** The requests that an actor may send: a number at the start, and a number for each virtual second. */
const MOST = 400
const PER_SECOND = 8
/** Virtual milliseconds after which an idle tab has recovered. */
export const RECOVERY = 35_000
/** Requests that follow from one hint, one message or one command. */
const PER_STIMULUS = 25
/** The number of last requests in the message of a failure. */
const REMEMBERED = 40

export function createFollowAudit(w: World, browser: Browser): FollowAudit {
  const known = new Map<Actor, Known>()
  const of = (actor: Actor): Known => {
    let one = known.get(actor)
    if (!one) known.set(actor, (one = { asked: 0, told: 0, left: MOST, at: w.now, heard: new Map(), asks: [] }))
    return one
  }
  const grant = (actor: Actor, asks: number): void => {
    const one = of(actor)
    one.left = Math.min(MOST, one.left + asks + ((w.now - one.at) / 1000) * PER_SECOND)
    one.at = w.now
  }

  w.asked = (actor, what) => {
    grant(actor, 0)
    const one = of(actor)
    // Opening a connection does not count, but the requests through it do.
    if (what !== 'open') {
      one.asked++
      one.asks.push(what)
      if (one.asks.length > REMEMBERED) one.asks.shift()
    }
    if (--one.left < 0)
      w.violation ??= new Error(`${actor.name} asks without end, at last for ${one.asks.slice(-10).join(', ')}`)
  }
  browser.heard = (actor, hint, byEngine) => {
    grant(actor, PER_STIMULUS)
    const last: unknown = hint.commit?.last ?? hint.head
    const { heard } = of(actor)
    if (byEngine && typeof last === 'number') heard.set(hint.log, Math.max(heard.get(hint.log) ?? 0, last))
  }

  const audit: FollowAudit = {
    stimulated: (actor, asks = PER_STIMULUS) => grant(actor, asks),
    opened({ actor, engine }) {
      const one = of(actor)
      const shown = (): string => {
        const { sequence, projected, pending, worker, storage, projections, mirror } = engine!.status
        return JSON.stringify([sequence, projected, pending, worker, storage, projections, mirror])
      }
      let { read } = engine!
      let before = shown()
      engine!.subscribe(() => {
        const after = shown()
        if (read === engine!.read && after === before) one.told++
        read = engine!.read
        before = after
      })
    },
    countsOf: ({ actor }) => ({ ...of(actor), asks: [...of(actor).asks] }),
    heardBy: ({ actor, log }) => Math.min(log!.entries.at(-1)!.last, of(actor).heard.get(log!.identity?.id ?? '') ?? 0),
    checkRecovered(tab) {
      const { log, engine, actor } = tab
      if (!engine || tab.closed || !actor.alive || engine.status.state !== 'ready' || log!.database.deleted) return
      const { sequence, behind }: { sequence: number; behind?: unknown } = engine.status
      const due = audit.heardBy(tab)
      if (sequence < due) w.fail(`${actor.name} is at ${sequence} and was told of ${due}, long after all faults`)
      if (behind && sequence === log!.entries.at(-1)!.last)
        w.fail(`${actor.name} says that it is behind at ${sequence}, where its log ends`)
    },
  }
  return audit
}
