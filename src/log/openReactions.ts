import type { StoreOf } from './database.ts'
import type { OpenEvent, ReactionAwaits, ReactionBoot, ReactionPosition } from './stores.ts'

/** What the log stores about its reactions, including those that only another build declares. */
export interface KnownReactions {
  readonly positions: ReadonlyMap<string, ReactionPosition>
  readonly open: readonly OpenEvent[]
  /** Keys of `awaits` records whose events are not open: their commands arrived after the events were cancelled. */
  readonly orphans?: readonly IDBValidKey[]
  /**
   * Set while no reaction has a position. It is the head at which a tab booted that has appended since then; of several
   * tabs, the lowest one.
   */
  readonly booted?: number | undefined
  /** Only from a mirror: the device that has run the reactions so far. */
  readonly device?: string | undefined
}

/** The key of an open event's record. */
export const recordKey = ({ reaction, event, index }: OpenEvent): IDBValidKey => [reaction, event.commandId, index]

/** The key of the record that says which command settles an open event. */
export const awaitsKey = ({ reaction, event, index }: OpenEvent): IDBValidKey => [
  reaction,
  event.commandId,
  index,
  'awaits',
]

/** Queues the requests whose results `knownReactions` reads. */
export const askReactions = (storeOf: StoreOf): AskedReactions => ({
  keys: storeOf('reactions').getAllKeys(),
  values: storeOf('reactions').getAll(),
})

interface AskedReactions {
  readonly keys: IDBRequest<IDBValidKey[]>
  readonly values: IDBRequest<(OpenEvent | ReactionPosition | ReactionBoot | ReactionAwaits)[]>
}

/** Reads the results of `askReactions`, once its transaction is complete. */
export function knownReactions({ keys, values }: AskedReactions): KnownReactions {
  const positions = new Map<string, ReactionPosition>()
  const open: OpenEvent[] = []
  const orphans: IDBValidKey[] = []
  let booted: number | undefined
  for (const [i, key] of keys.result.entries()) {
    const value = values.result[i]
    if (!value) continue
    if ('booted' in value) booted = Math.min(booted ?? value.booted, value.booted)
    if (!Array.isArray(key) || 'booted' in value) continue
    // Keys are in order, so an `awaits` record comes right after its event.
    const previous = open.at(-1)
    if ('awaits' in value && !('event' in value)) {
      const isItsEvent =
        previous && key[0] === previous.reaction && key[1] === previous.event.commandId && key[2] === previous.index
      if (isItsEvent) open[open.length - 1] = { ...previous, awaits: value.awaits }
      else orphans.push(key)
    } else if ('event' in value) open.push(value)
    else positions.set(String(key[0]), value)
  }
  open.sort((a, b) => a.event.sequence - b.event.sequence)
  return { positions, open, orphans, booted: positions.size ? undefined : booted }
}
