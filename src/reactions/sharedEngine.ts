import { aborting, sleep } from '../async.ts'
import type { AnyReceipt } from '../engine/caller.ts'
import type { Special } from '../engine/dispatch.ts'
import { openDraftsOf } from '../engine/drafts.ts'
import type { DispatchOptions } from '../engine/types.ts'
import { EngineClosed } from '../errors.ts'
import type { Hint } from '../log/channel.ts'
import { commandsOf, recordedOf } from '../log/commit.ts'
import { readDevice } from '../log/device.ts'
import { localCommandsOf } from '../log/local.ts'
import { outboxOf, whole } from '../log/outboxOf.ts'
import { recordsAt } from '../log/recordsAt.ts'
import { fromWire } from '../log/wire.ts'
import { eventTypes } from '../model/events.ts'
import { copyJson } from '../model/json.ts'
import { readOf } from '../model/model.ts'
import type { Workshop } from '../projections/workshop.ts'
import { createBackoff } from '../queue.ts'
import { createBell } from '../sync/bell.ts'
import { holdingOf } from '../sync/holding.ts'
import { type Entering, enterOutbox, type KnownOutbox } from './enterOutbox.ts'
import type { BesideEngine } from './place.ts'

/** Milliseconds after which the shared log is read again if no hint arrived. */
const LOOK_MS = 30_000
/** Milliseconds before a command that lost a race is decided again, doubled up to the maximum. */
const RACE_MIN_MS = 5
const RACE_MAX_MS = 1000

/**
 * Opens the engine that decides and appends for reactions on a log with a remote. It lives as long as this pipeline follows the remote. A
 * dispatch goes into the outbox, and settles when the shared log has answered it.
 */
export async function openSharedEngine(shop: Workshop): Promise<BesideEngine> {
  const { database, model, closing } = shop
  const holding = await holdingOf(shop, closing)
  const device = await readDevice(database)
  const ending = new AbortController()
  const end = (): void => ending.abort(holding.signal.reason ?? new EngineClosed('closed'))
  if (holding.signal.aborted) end()
  holding.signal.addEventListener('abort', end, { signal: ending.signal })
  const types = eventTypes(model.events)
  const known: KnownOutbox = { marker: 0 }
  const bells = new Set<() => void>()
  const channel = shop.channel.share((hint: Hint) => {
    if (hint.log !== database.log?.id) return
    if ('draft' in hint) drafts?.hear(hint.draft)
    else if ('head' in hint || 'local' in hint) for (const ring of bells) ring()
  })
  ending.signal.addEventListener('abort', channel.close)
  const drafts = openDraftsOf(model, {
    name: database.name,
    database,
    ended: ending.signal,
    channel,
    get logId() {
      return database.log?.id ?? ''
    },
  })

  /** Finds where a command of this device is stored. Throws the error with which the shared log refused it. */
  async function find(id: string): Promise<number | 'waits' | 'nowhere'> {
    const { entry, refused } = await database.transact(['commands', 'rejected'], 'readonly', (store) => ({
      entry: store('commands').get(id),
      refused: store('rejected').get(id),
    }))
    if (refused.result) throw fromWire(refused.result.error)
    if (!entry.result) return 'nowhere'
    return entry.result.outbox ? 'waits' : entry.result.sequence
  }

  /** Waits for the answer of the shared log. Returns the command's sequence, or undefined if the command produced no events. */
  async function verdict(id: string, signal: AbortSignal): Promise<number | undefined> {
    const bell = createBell()
    bells.add(bell.ring)
    try {
      for (;;) {
        ending.signal.throwIfAborted()
        bell.reset()
        const found = await find(id)
        if (found === 'nowhere') return undefined
        if (found !== 'waits') return found
        await aborting(bell.wait(LOOK_MS, ending.signal), signal)
      }
    } finally {
      bells.delete(bell.ring)
    }
  }

  async function receiptOf(id: string, sequence: number, duplicate: boolean): Promise<AnyReceipt> {
    for await (const record of recordsAt(database, [sequence])) {
      let { first } = record
      for (const command of commandsOf(record)) {
        if (command.id === id)
          return Object.freeze({ commandId: id, sequence, events: recordedOf(command, first, types), duplicate })
        first += command.events.length
      }
    }
    return Object.freeze({ commandId: id, sequence, events: [], duplicate })
  }

  async function dispatch(
    name: string,
    input?: unknown,
    { commandId = '', signal = ending.signal, meta, durability }: DispatchOptions = {},
    { extra, cause }: Special = {},
  ): Promise<AnyReceipt> {
    const entering: Entering = {
      id: commandId,
      name,
      input: copyJson(input, `command "${name}"`),
      meta: meta === undefined ? undefined : copyJson(meta, 'meta'),
      cause,
      device,
      extra: drafts ? drafts.withDeletion(extra) : extra,
      durability: durability === 'strict' ? 'strict' : 'relaxed',
    }
    const backoff = createBackoff(RACE_MIN_MS, RACE_MAX_MS)
    for (;;) {
      signal.throwIfAborted()
      ending.signal.throwIfAborted()
      const entered = await shop.atHead((folds) => enterOutbox(database, model, folds, entering, known), true)
      if (entered.is === 'raced') await sleep(backoff.next(), signal)
      else {
        if (entered.is === 'entered') shop.post({ local: entered.record })
        if (entered.is === 'nothing') {
          const { sequence } = entered
          return Object.freeze({ commandId, sequence, events: [], duplicate: false })
        }
        const sequence = await verdict(commandId, signal)
        if (sequence !== undefined) return receiptOf(commandId, sequence, entered.is === 'known')
        return Object.freeze({ commandId, sequence: head(), events: [], duplicate: false })
      }
    }
  }

  const head = (): number => Math.max(0, ...(shop.tracks ?? []).map(({ fold }) => fold.sequence))

  return {
    dispatch,
    read: () => Object.freeze(readOf((shop.tracks ?? []).map(({ fold }) => fold))),
    get head() {
      return head()
    },
    signal: ending.signal,
    drafts: drafts?.byName,
    async close() {
      ending.abort(new EngineClosed('closed'))
    },
    remote: {
      device,
      async unconfirmed() {
        const { result } = await database.transact(['outbox'], 'readonly', (store) =>
          store('outbox').getAll(whole(known.marker)),
        )
        const outbox = outboxOf(result)
        known.marker = outbox?.marker.n ?? 0
        return outbox && { base: outbox.marker.base, commands: outbox.records.flatMap(localCommandsOf) }
      },
      verdict,
      leave: holding.leave,
    },
  }
}
