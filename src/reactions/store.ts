import { NONE_YET } from '../copies/reactions.ts'
import { EngineClosed } from '../errors.ts'
import type { ExtraWrite } from '../log/append.ts'
import type { Database } from '../log/database.ts'
import { askReactions, awaitsKey, type KnownReactions, knownReactions, recordKey } from '../log/openReactions.ts'
import type { OpenEvent, ReactionHolder, ReactionPosition, Stores } from '../log/stores.ts'

/** What changes in one transaction. */
export interface ReactionChange {
  readonly positions: ReadonlyMap<string, ReactionPosition>
  readonly opened: readonly OpenEvent[]
  readonly closed: readonly OpenEvent[]
  /** New states of open events, computed from their stored states in the same transaction. */
  readonly changed?: ReadonlyMap<OpenEvent, StoredChange>
}

/** Returns the new state; undefined removes the event. */
export type StoredChange = (was: OpenEvent) => OpenEvent | undefined

/** The new states of the events of `changed`. Events that are no longer open are missing. */
export type Changed = ReadonlyMap<OpenEvent, OpenEvent | undefined>

/** Whether an event was still open, and its new state. */
export interface Replaced {
  readonly isOpen: boolean
  readonly now?: OpenEvent | undefined
}

/** Keeps positions and open events. Each write rejects with `EngineClosed` if another holder has taken over, or if the log was replaced. */
export interface ReactionStore {
  /** Makes this holder the only one that can write. */
  takeEpoch(epoch: string): Promise<KnownReactions>
  read(): Promise<KnownReactions>
  write(change: ReactionChange): Promise<Changed>
  /** Replaces or removes an open event. If it was settled meanwhile, it stays settled. */
  replace(open: OpenEvent, by: OpenEvent | undefined): Promise<Replaced>
  /** Removes an open event in the transaction that appends this command; with a remote, as soon as the shared log has the command. */
  settledInside(open: OpenEvent, commandId: string): ExtraWrite
}

const HOLDER = 'holder'
const BOOTED = 'booted'

export function createReactionStore({ transact }: Database, lineage: string, shared = false): ReactionStore {
  let epoch = ''

  /** Keeps a holder that was frozen, and whose lock was stolen, from writing. */
  async function guarded(body: (store: Stores['reactions']) => void): Promise<void> {
    let isOver = false
    try {
      await transact(['meta', 'reactions'], 'readwrite', (storeOf, transaction) => {
        const store = storeOf('reactions')
        const log = storeOf('meta').get('log')
        const holder = store.get(HOLDER)
        holder.onsuccess = () => {
          // The key of the holder always has this type.
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
    async takeEpoch(mine) {
      const asked = await transact(['reactions'], 'readwrite', (storeOf) => {
        const store = storeOf('reactions')
        store.put({ epoch: mine }, HOLDER)
        const requests = askReactions(storeOf)
        // The values are asked for last.
        if (shared)
          requests.values.onsuccess = () => {
            for (const key of knownReactions(requests).orphans ?? []) store.delete(key)
          }
        return requests
      })
      epoch = mine
      return knownReactions(asked)
    },
    read: async () => knownReactions(await transact(['reactions'], 'readonly', askReactions)),
    async write({ positions, opened, closed, changed = new Map() }) {
      const outcome = new Map<OpenEvent, OpenEvent | undefined>()
      await guarded((store) => {
        for (const [name, position] of positions) store.put(position, [name])
        if (positions.size) {
          store.delete(IDBKeyRange.bound(BOOTED, `${BOOTED}\uffff`))
          store.delete([NONE_YET])
        }
        for (const one of opened) store.put(one, recordKey(one))
        for (const one of closed) {
          store.delete(recordKey(one))
          if (shared) store.delete(awaitsKey(one))
        }
        for (const [one, change] of changed) changeOpen(store, one, change, shared, (now) => outcome.set(one, now))
      })
      return outcome
    },
    async replace(open, by) {
      let replaced: Replaced = { isOpen: false }
      await guarded((store) => {
        changeOpen(store, open, followedBy(by), shared, (now) => (replaced = { isOpen: true, now }))
        if (shared) store.delete(awaitsKey(open))
      })
      return replaced
    },
    settledInside: (open, commandId) => ({
      stores: ['reactions'],
      write(storeOf) {
        // The transaction is committed before any request is answered, so this write can't check whether the event is still open.
        if (shared) storeOf('reactions').put({ awaits: commandId }, awaitsKey(open))
        else storeOf('reactions').delete(recordKey(open))
      },
    }),
  }
}

/** Changes an event if it is still open. With a remote, a removed event no longer awaits a command. */
function changeOpen(
  store: Stores['reactions'],
  open: OpenEvent,
  change: StoredChange,
  shared: boolean,
  onChanged: (now: OpenEvent | undefined) => void,
): void {
  const key = recordKey(open)
  const found = store.get(key)
  found.onsuccess = () => {
    if (found.result === undefined) return
    // The key of an open event always has this type.
    const now = change(found.result as OpenEvent)
    if (now) store.put(now, key)
    else {
      store.delete(key)
      if (shared) store.delete(awaitsKey(open))
    }
    onChanged(now)
  }
}

/** The change when an attempt has ended. Meanwhile its event may have entered the shared log, or have been cancelled. */
const followedBy =
  (by: OpenEvent | undefined): StoredChange =>
  (was) => {
    if (was.done) return was
    if (!by) return was.local ? { ...was, running: '', done: true } : undefined
    return by.local && !was.local ? confirmedAs(was.event)(by) : by
  }

/** The change when the event's command has entered the shared log. */
export const confirmedAs =
  (event: OpenEvent['event']): StoredChange =>
  ({ local: _, ...was }) =>
    was.done ? undefined : { ...was, event }

/** The change when the event was cancelled before its command entered the shared log. */
export const settledBefore: StoredChange = (was) => ({ ...was, running: '', done: true })

/** The store of a log in memory. */
export function createMemoryStore(): ReactionStore {
  const open = new Map<string, OpenEvent>()
  const keyOf = (one: OpenEvent): string => JSON.stringify(recordKey(one))
  return {
    takeEpoch: async () => ({ positions: new Map(), open: [...open.values()] }),
    read: async () => ({ positions: new Map(), open: [...open.values()] }),
    async write({ opened, closed }) {
      for (const one of opened) open.set(keyOf(one), one)
      for (const one of closed) open.delete(keyOf(one))
      return new Map()
    },
    async replace(one, by) {
      const key = keyOf(one)
      if (!open.has(key)) return { isOpen: false }
      if (by) open.set(key, by)
      else open.delete(key)
      return { isOpen: true, now: by }
    },
    settledInside: (one) => ({ stores: [], write() {}, keep: () => void open.delete(keyOf(one)) }),
  }
}
