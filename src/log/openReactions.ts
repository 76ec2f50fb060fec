import type { StoreOf } from './database.ts'
import type { OpenEvent, ReactionBoot, ReactionPosition } from './stores.ts'

/** What is stored of reactions, those of other builds too. */
export interface KnownReactions {
  readonly positions: ReadonlyMap<string, ReactionPosition>
  readonly open: readonly OpenEvent[]
  /** The least head at which a tab booted that has appended something since, while there was no position. */
  readonly booted?: number | undefined
}

/** The key of its record. */
export const recordKey = ({ reaction, event, index }: OpenEvent): IDBValidKey => [reaction, event.commandId, index]

/** The requests that `knownReactions` answers from. */
export const askReactions = (storeOf: StoreOf): AskedReactions => ({
  keys: storeOf('reactions').getAllKeys(),
  values: storeOf('reactions').getAll(),
})

interface AskedReactions {
  readonly keys: IDBRequest<IDBValidKey[]>
  readonly values: IDBRequest<(OpenEvent | ReactionPosition | ReactionBoot)[]>
}

export function knownReactions({ keys, values }: AskedReactions): KnownReactions {
  const positions = new Map<string, ReactionPosition>()
  const open: OpenEvent[] = []
  let booted: number | undefined
  for (const [i, key] of keys.result.entries()) {
    const value = values.result[i]
    if (!value) continue
    if ('booted' in value) booted = Math.min(booted ?? value.booted, value.booted)
    if (!Array.isArray(key) || 'booted' in value) continue
    if ('event' in value) open.push(value)
    else positions.set(String(key[0]), value)
  }
  open.sort((a, b) => a.event.sequence - b.event.sequence)
  return { positions, open, booted: positions.size ? undefined : booted }
}
