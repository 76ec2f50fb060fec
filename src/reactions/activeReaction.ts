import { NONE_YET } from '../copies/reactions.ts'
import { OutdatedCodeError } from '../errors.ts'
import type { ReactionReport } from '../log/channel.ts'
import type { KnownReactions } from '../log/openReactions.ts'
import type { OpenEvent } from '../log/stores.ts'
import type { WireError } from '../log/wire.ts'
import { type EventTypesAtRuntime, eventTypes } from '../model/events.ts'
import { afterDeath } from './afterAttempt.ts'
import { reactionKeyOf } from './entry.ts'
import type { HolderPlace } from './place.ts'
import type { AnyDefinition } from './types.ts'

/** Reactions by their names. */
export type Declared = readonly (readonly [name: string, definition: AnyDefinition])[]

/** An attempt that runs here. */
export interface RunningAttempt {
  readonly abort: AbortController
  /** The ids of its commands that settle its event. */
  readonly settling: Set<string>
  /** One of them has settled it. */
  isOver?: boolean
}

/** A reaction, as its holder knows it. */
export interface ActiveReaction {
  readonly name: string
  readonly definition: AnyDefinition
  /** Open events by their keys, in log order. */
  readonly open: Map<string, OpenEvent>
  /** Running attempts, by the keys of their events. */
  readonly busy: Map<string, RunningAttempt>
  /** Dead letters that are not stored as such yet: their last attempt died with its page or worker. */
  readonly died: readonly OpenEvent[]
  scanned: number
  /** The stored position; -1 if none is stored for this version. */
  noted: number
  error?: WireError | undefined
}

/** What a holder starts with: the reactions that it runs, and those that it can't run. */
export interface Beginning {
  readonly active: readonly ActiveReaction[]
  readonly stopped: ReadonlyMap<string, Error>
}

/** Continues where the last holder stopped. Pure. */
export function beginWith(
  { lineage, floor, base, model }: Pick<HolderPlace, 'lineage' | 'floor' | 'base' | 'model'>,
  declared: Declared,
  booted: number,
  known: KnownReactions,
): Beginning {
  const types = eventTypes(model.events)
  const active: ActiveReaction[] = []
  const stopped = new Map<string, Error>()
  const none = known.positions.get(NONE_YET)
  for (const [name, definition] of declared) {
    const { version = 1, from } = definition
    const position = known.positions.get(name) ?? none
    const mine = known.open.filter(({ reaction }) => reaction === name)
    const unknown = mine.find(({ event }) => !types.knows(event.type, event.version ?? 1))?.event
    // A newer build has run this reaction. Its events wait for that build.
    if (position && position.version > version) stopped.set(name, newerReaction(name))
    else if (unknown) stopped.set(name, new OutdatedCodeError(unknown.type, unknown.version ?? 1))
    else {
      const isSame = position?.lineage === lineage
      // An empty log takes over the log of its remote. Commands that this device dispatched before come after this position.
      const isKnown = position && (isSame || position.scanned === 0)
      const now = Math.min(booted, known.booted ?? booted)
      const begun = position === none && from === 'start' ? 0 : position?.scanned
      const scanned = isSame ? (begun ?? 0) : Math.max(isKnown || from === 'start' ? 0 : now, floor)
      const open = new Map(mine.map((one) => [reactionKeyOf(one), recover(one, definition, types)]))
      const stored = new Set(mine.flatMap((one) => (one.dead ? reactionKeyOf(one) : [])))
      active.push({
        name,
        definition,
        open,
        busy: new Map(),
        died: [...open].flatMap(([key, one]) => (one.dead && !stored.has(key) ? one : [])),
        scanned: Math.max(scanned, base),
        noted: isSame && position.version === version ? position.scanned : -1,
      })
    }
  }
  return { active, stopped }
}

/** The state with which this holder continues an open event of the last holder. */
function recover(open: OpenEvent, definition: AnyDefinition, types: EventTypesAtRuntime): OpenEvent {
  const event = { ...open.event, ...types.today(open.event, open.event.sequence) }
  const today: OpenEvent = { ...open, event }
  // The event has ended with a command, which the shared log will answer.
  if (open.awaits !== undefined || open.done) return today
  // An attempt that was running has died with the last holder.
  if (open.running) return afterDeath(today, definition)
  if (open.handler === 'failed' && !definition.failed) return { ...today, dead: true }
  return open.handler === 'lost' && !definition.lost ? { ...today, handler: 'run' } : today
}

/** Takes over the changes of tabs in the store: dead letters that were retried or dropped. */
export function takeStored({ name, open, busy }: ActiveReaction, known: KnownReactions): void {
  const stored = new Map(known.open.filter(({ reaction }) => reaction === name).map((one) => [reactionKeyOf(one), one]))
  for (const key of [...open.keys()]) if (!stored.has(key) && !busy.has(key)) open.delete(key)
  for (const [key, one] of stored) if (open.get(key)?.dead && !one.dead) open.set(key, one)
}

const newerReaction = (name: string): Error =>
  new Error(`A newer build of reaction "${name}" has run on this log. Its events wait for that one: reload the page.`)

/** The report of a reaction that this code can't run. */
export const stoppedReport = (error: WireError): ReactionReport => ({
  state: 'stopped',
  open: 0,
  running: 0,
  retrying: 0,
  dead: 0,
  due: 0,
  error,
})
