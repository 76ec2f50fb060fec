import { EngineClosed } from '../errors.ts'
import type { Inside } from '../log/append.ts'
import type { Database } from '../log/database.ts'
import { askReactions, type KnownReactions, knownReactions, recordKey } from '../log/openReactions.ts'
import type { OpenEvent, ReactionHolder, ReactionPosition, Stores } from '../log/stores.ts'

/** What changes together. */
export interface ReactionChange {
  readonly positions: ReadonlyMap<string, ReactionPosition>
  readonly opened: readonly OpenEvent[]
  readonly closed: readonly OpenEvent[]
}

/** Where positions and open events are kept. Each write rejects with `EngineClosed` if another holder has begun since, or if the log is another. */
export interface ReactionStore {
  /** From now on this holder writes. */
  begin(epoch: string): Promise<KnownReactions>
  read(): Promise<KnownReactions>
  write(change: ReactionChange): Promise<void>
  /** Replaces an open event, or takes it out. False: it was settled meanwhile, so it stays out. */
  replace(open: OpenEvent, by: OpenEvent | undefined): Promise<boolean>
  /** Takes an open event out in the transaction of an append. */
  settledInside(open: OpenEvent): Inside
}

const HOLDER = 'holder'
const BOOTED = 'booted'

export function createReactionStore({ transact }: Database, lineage: string): ReactionStore {
  let epoch = ''

  /** A holder that was frozen, and whose lock was stolen, writes nothing. */
  async function guarded(body: (store: Stores['reactions']) => void): Promise<void> {
    let isOver = false
    try {
      await transact(['meta', 'reactions'], 'readwrite', (storeOf, transaction) => {
        const store = storeOf('reactions')
        const log = storeOf('meta').get('log')
        const holder = store.get(HOLDER)
        holder.onsuccess = () => {
          isOver = (holder.result as ReactionHolder | undefined)?.epoch !== epoch || log.result?.lineage !== lineage
          if (isOver) transaction.abort()
          else body(store)
        }
      })
    } catch (error) {
      throw isOver ? new EngineClosed('closed') : error
    }
  }

  return {
    async begin(mine) {
      const asked = await transact(['reactions'], 'readwrite', (storeOf) => {
        storeOf('reactions').put({ epoch: mine }, HOLDER)
        return askReactions(storeOf)
      })
      epoch = mine
      return knownReactions(asked)
    },
    read: async () => knownReactions(await transact(['reactions'], 'readonly', askReactions)),
    write: ({ positions, opened, closed }) =>
      guarded((store) => {
        for (const [name, position] of positions) store.put(position, [name])
        if (positions.size) store.delete(IDBKeyRange.bound(BOOTED, `${BOOTED}\uffff`))
        for (const one of opened) store.put(one, recordKey(one))
        for (const one of closed) store.delete(recordKey(one))
      }),
    async replace(open, by) {
      let isOpen = false
      await guarded((store) => {
        const key = recordKey(open)
        const found = store.getKey(key)
        found.onsuccess = () => {
          isOpen = found.result !== undefined
          if (isOpen && by) store.put(by, key)
          else if (isOpen) store.delete(key)
        }
      })
      return isOpen
    },
    settledInside: (open) => ({
      stores: ['reactions'],
      write: (storeOf) => void storeOf('reactions').delete(recordKey(open)),
    }),
  }
}

/** Of a log in memory. */
export function createMemoryStore(): ReactionStore {
  const open = new Map<string, OpenEvent>()
  const keyOf = (one: OpenEvent): string => JSON.stringify(recordKey(one))
  return {
    begin: async () => ({ positions: new Map(), open: [...open.values()] }),
    read: async () => ({ positions: new Map(), open: [...open.values()] }),
    async write({ opened, closed }) {
      for (const one of opened) open.set(keyOf(one), one)
      for (const one of closed) open.delete(keyOf(one))
    },
    async replace(one, by) {
      const key = keyOf(one)
      if (!open.has(key)) return false
      if (by) open.set(key, by)
      else open.delete(key)
      return true
    },
    settledInside: (one) => ({ stores: [], write() {}, keep: () => void open.delete(keyOf(one)) }),
  }
}
