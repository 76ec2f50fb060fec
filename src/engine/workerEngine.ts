import { aborting, sleep } from '../async.ts'
import type { OpenDrafts } from '../drafts/types.ts'
import { EngineClosed } from '../errors.ts'
import { appendInside } from '../log/appendInside.ts'
import type { Hint } from '../log/channel.ts'
import { fenceWrites } from '../log/fenceWrites.ts'
import { createLog } from '../log/log.ts'
import { readSegment } from '../log/sealed.ts'
import { eventTypes } from '../model/events.ts'
import type { Fold } from '../model/fold.ts'
import { readOf } from '../model/model.ts'
import { holdEngine } from '../projections/holder.ts'
import type { Workshop } from '../projections/workshop.ts'
import { createBackoff } from '../queue.ts'
import { stateAfter } from './afterwards.ts'
import type { AnyReceipt, Sender } from './caller.ts'
import { catchUp } from './catchUp.ts'
import { decideInside } from './decideInside.ts'
import { dispatch, type Special } from './dispatch.ts'
import { openDraftsOf } from './drafts.ts'
import { makeRoom } from './makeRoom.ts'
import { createPump } from './pump.ts'
import { standOnBase } from './standOnBase.ts'
import { rebase, stop, type Tab } from './tab.ts'
import { createTurns } from './turns.ts'
import type { DispatchOptions } from './types.ts'

/** Milliseconds before a log that could not be read at the engine's start is read again, doubled up to the maximum. */
const OPEN_RETRY_MIN_MS = 1000
const OPEN_RETRY_MAX_MS = 30_000

/**
 * An engine beside a pipeline. It decides commands on the pipeline's folds and uses its connection; nobody sees pending
 * commands. There is one for each log in a browser.
 */
export interface WorkerEngine {
  /** Dispatches a command as an open engine does, but nothing is visible before it is in the log. */
  dispatch(name: string, input?: unknown, options?: DispatchOptions, special?: Special): Promise<AnyReceipt>
  /** The committed rows that the pipeline has folded. */
  read(): Readonly<Record<string, unknown>>
  /** The last event that `read` shows. */
  readonly head: number
  /** Aborts with the reason when this engine ends. From then on it is not the holder and appends nothing. */
  readonly signal: AbortSignal
  /** Drafts by their names in the model; undefined if it declares none. */
  readonly drafts: OpenDrafts['byName'] | undefined
  /** Runs a task while this engine does not use the log. Commands wait meanwhile, so a task must not await one. */
  stepAside<T>(task: () => Promise<T>): Promise<T>
  /** Awaits what is in a transaction, rejects the rest with `EngineClosed`. */
  close(): Promise<void>
}

/**
 * Opens the engine of this log as soon as no other worker or page of this browser has it, at the head that the log has
 * then. Rejects with the signal's reason, if the pipeline closes first, or if this code can't read the log.
 */
export async function openWorkerEngine(shop: Workshop, given?: AbortSignal): Promise<WorkerEngine> {
  const { closing } = shop
  const opening = new AbortController()
  const over = new AbortController()
  for (const signal of [closing, given])
    signal?.addEventListener('abort', () => opening.abort(signal.reason), { signal: over.signal })
  if (closing.aborted) opening.abort(closing.reason)
  try {
    given?.throwIfAborted()
    return await openOnce(shop, opening)
  } finally {
    // Removes the listeners: a pipeline opens many engines, one after the other.
    over.abort()
  }
}

async function openOnce(shop: Workshop, opening: AbortController): Promise<WorkerEngine> {
  let isLost = false
  let lost = (): void => {
    isLost = true
  }
  const release = await holdEngine(shop.database.name, opening.signal, () => lost())
  const { engine, tab, end } = createWorkerEngine(shop, release)
  lost = () => void end(new EngineClosed('closed'))
  if (isLost) lost()
  const backoff = createBackoff(OPEN_RETRY_MIN_MS, OPEN_RETRY_MAX_MS)
  for (;;) {
    try {
      opening.signal.throwIfAborted()
      engine.signal.throwIfAborted()
      await tab.turns?.runStep(() => catchUp(tab))
      opening.signal.throwIfAborted()
      engine.signal.throwIfAborted()
      return engine
    } catch (error) {
      // If a signal has aborted, its reason is the cause, not this error.
      const ended = [opening.signal, engine.signal].find(({ aborted }) => aborted)
      if (ended || stateAfter(error)) {
        await end(new EngineClosed('closed'))
        throw ended?.reason ?? error
      }
    }
    await aborting(sleep(backoff.next(), engine.signal), opening.signal).catch(() => {})
  }
}

interface EngineParts {
  readonly engine: WorkerEngine
  readonly tab: Tab
  end(error: EngineClosed): Promise<void>
}

function createWorkerEngine(shop: Workshop, release: () => void): EngineParts {
  const { model, database, closing } = shop
  const ending = new AbortController()
  const sender: Sender = { meta: undefined, open: 0 }
  let over: Promise<void> | undefined

  const channel = shop.channel.share((hint: Hint) => {
    if (hint.log !== tab.logId) return
    if ('draft' in hint) tab.drafts?.hear(hint.draft)
    else if ('destroyed' in hint) void end(new EngineClosed('destroyed'))
    else if ('engine' in hint && hint.engine === 'asked') channel.post({ log: tab.logId, engine: 'here' })
  })

  const turns = createTurns(shop, () => tab)
  const tab: Tab = {
    model,
    types: eventTypes(model.events),
    get folds() {
      return turns.folds
    },
    get commandRead() {
      return turns.commandRead
    },
    interceptors: new Set(),
    database,
    reserve: async () => ({ decideInside, makeRoom, standOnBase }),
    log: createLog(fenceWrites(database, ending.signal, 'commits'), async () => ({ appendInside, readSegment })),
    get logId() {
      return database.log?.id ?? ''
    },
    // The pipeline follows changes of the log's id, so there is nothing to assign.
    set logId(_) {},
    channel,
    stored: new Set(),
    head: 0,
    tip: 0,
    pending: [],
    state: 'ready',
    behind: true,
    turns,
    changed() {
      if (tab.state !== 'ready') leave(tab.error)
    },
    pump: () => pump(),
    over: leave,
  }
  const { pump, idle } = createPump(tab)
  tab.drafts = openDraftsOf(model, {
    name: database.name,
    database,
    ended: ending.signal,
    channel,
    get logId() {
      return tab.logId
    },
  })

  /** Releases the engine's lock once nothing is in a transaction, so that the next holder may begin. */
  function leave(error: unknown): void {
    if (over) return
    ending.abort(error)
    closing.removeEventListener('abort', close)
    over = idle().then(() => {
      channel.close()
      release()
    })
  }

  async function end(error: EngineClosed): Promise<void> {
    if (tab.state !== 'closed') rebase(tab, () => stop(tab, 'closed', error))
    await over
  }
  const close = (): Promise<void> => end(new EngineClosed('closed'))
  closing.addEventListener('abort', close, { signal: ending.signal })

  const engine: WorkerEngine = {
    dispatch: (...given) => dispatch(tab, sender, ...given),
    read: () => Object.freeze(readOf(current())),
    get head() {
      return Math.max(0, ...current().map(({ sequence }) => sequence))
    },
    signal: ending.signal,
    drafts: tab.drafts?.byName,
    stepAside: turns.stepAside,
    close,
  }

  /** The pipeline's present folds. It creates new ones when it has to read its pages again. */
  const current = (): readonly Fold[] => shop.tracks?.map(({ fold }) => fold) ?? turns.folds

  return { engine, tab, end }
}
