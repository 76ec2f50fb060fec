import { askReactions, type KnownReactions, knownReactions, recordKey } from '../../log/openReactions.ts'
import type { OpenEvent } from '../../log/stores.ts'
import { fromWire } from '../../log/wire.ts'
import type { AnyRecorded, EventTypes } from '../../model/events.ts'
import type { Core } from '../core.ts'
import type { Engine } from '../types.ts'
import { openCore } from './openCore.ts'

/** An event that a reaction no longer retries. */
export interface DeadLetter<E extends EventTypes> {
  /** The name of the reaction. */
  readonly reaction: string
  readonly event: AnyRecorded<E>
  /** What the last attempt threw; undefined if the code of the reaction is gone. */
  readonly error: Error | undefined
  /** The number of failed attempts of the last handler. */
  readonly attempts: number
  /** Calls `run` again, as for a new event. False if another caller has retried or dropped it meanwhile. */
  retry(): Promise<boolean>
  /** Forgets the event. False if another caller has retried or dropped it meanwhile. */
  drop(): Promise<boolean>
}

/**
 * Lists the events that reactions no longer retry, because the handler `failed` failed, too, or the reaction has none.
 * @example
 * ```ts
 * for (const { reaction, event, error, retry } of await deadLetters(engine)) {
 *   console.warn(reaction, event.sequence, error)
 *   await retry()
 * }
 * ```
 *
 * The list includes open events of a reaction whose code is gone, once the other reactions have reported their state. For these, only `drop`
 * helps. Each letter can be retried or dropped once, from any tab. Rejects with `StorageError` or `EngineClosed`.
 */
export async function deadLetters<E extends EventTypes>(engine: Engine<E, any, any, any>): Promise<DeadLetter<E>[]> {
  const core = openCore(engine)
  const { open } = await readReactions(core)
  const known = Object.keys(core.reactions ?? {})
  const isGone = ({ reaction }: OpenEvent): boolean => known.length > 0 && !known.includes(reaction)
  return open
    .filter((one) => one.dead || isGone(one))
    .map((one) =>
      Object.freeze({
        reaction: one.reaction,
        // The engine's own events.
        // It was read in the types of this model.
        event: one.event as unknown as AnyRecorded<E>,
        error: one.error && fromWire(one.error),
        attempts: one.attempts,
        retry: () => replaceEntry(core, one, revived(one)),
        drop: () => replaceEntry(core, one, undefined),
      }),
    )
}

function revived({ dead: _, error: __, ...open }: OpenEvent): OpenEvent {
  return { ...open, handler: 'run', attempts: 0, until: 0, running: '' }
}

/** Reads the stored positions and open events of a log's reactions. */
export async function readReactions({ database, memoryReactions }: Core): Promise<KnownReactions> {
  if (!database?.hasNewer) return (await memoryReactions?.read()) ?? { positions: new Map(), open: [] }
  return knownReactions(await database.transact(['reactions'], 'readonly', askReactions))
}

/** Replaces the open event, unless it has changed since it was read. */
async function replaceEntry(core: Core, seen: OpenEvent, by: OpenEvent | undefined): Promise<boolean> {
  const { database, memoryReactions } = core
  const key = recordKey(seen)
  let isDecided = false
  if (database) {
    await database.transact(['reactions'], 'readwrite', (store) => {
      const found = store('reactions').get(key)
      found.onsuccess = () => {
        // What lies under the key of an open event.
        const now = found.result as OpenEvent | undefined
        isDecided = !!now && now.dead === seen.dead && now.attempts === seen.attempts
        if (isDecided && by) store('reactions').put(by, key)
        else if (isDecided) store('reactions').delete(key)
      }
    })
    core.channel?.post({ log: core.logId, asks: 'reactions', changed: true })
  } else if (memoryReactions) {
    const { open } = await memoryReactions.read()
    const now = open.find((one) => JSON.stringify(recordKey(one)) === JSON.stringify(key))
    isDecided = !!now?.dead && (await memoryReactions.replace(seen, by))
    memoryReactions.ask(true)
  }
  return isDecided
}
