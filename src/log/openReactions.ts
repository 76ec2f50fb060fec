import type { StoreOf } from './database.ts'
import type { OpenEvent, ReactionPosition } from './stores.ts'

/** What is stored of reactions, those of other builds too. */
export interface KnownReactions {
  readonly positions: ReadonlyMap<string, ReactionPosition>
  readonly open: readonly OpenEvent[]
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
  readonly values: IDBRequest<(OpenEvent | ReactionPosition)[]>
}

export function knownReactions({ keys, values }: AskedReactions): KnownReactions {
  const positions = new Map<string, ReactionPosition>()
  const open: OpenEvent[] = []
  for (const [i, key] of keys.result.entries()) {
    const value = values.result[i]
    if (!Array.isArray(key) || !value) continue
    if ('event' in value) open.push(value)
    else positions.set(String(key[0]), value)
  }
  return { positions, open: open.sort((a, b) => a.event.sequence - b.event.sequence) }
}
