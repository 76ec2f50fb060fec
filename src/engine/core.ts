import { createListeners, type Listeners } from '../async.ts'
import type { EngineClosed, StorageError } from '../errors.ts'
import type { ReactionReport } from '../log/channel.ts'
import { createMemoryLog } from '../log/memory.ts'
import type { KnownReactions } from '../log/openReactions.ts'
import type { OpenEvent } from '../log/stores.ts'
import { eventTypes } from '../model/events.ts'
import type { Fold } from '../model/fold.ts'
import { type AnyModel, commandReadOf, createFolds, onDiskFolds, readOf } from '../model/model.ts'
import type { HostConnection } from '../projections/connect.ts'
import { openDraftsOf } from './drafts.ts'
import { createPump } from './pump.ts'
import { rebase, stop, type Tab } from './tab.ts'
import { keepIfSame, type Shown, statusOf } from './tabStatus.ts'
import type { Status } from './types.ts'

/** A rebuild that is under way. All callers in this page that want the same projections share it. */
export interface Rebuild {
  callers: number
  readonly done: Promise<void>
  readonly cancelled: AbortController
}

/** The reactions of a log in memory. */
interface MemoryReactions {
  /** Lets the reactions read on in the log and report. `changed`: the caller has changed the list of open events. */
  ask(changed?: boolean): void
  read(): Promise<KnownReactions>
  replace(open: OpenEvent, by: OpenEvent | undefined): Promise<boolean>
}

/** One tab's fold of one log. The handles of a page share it. */
export interface Core extends Tab, Shown {
  readonly name: string
  readonly read: object
  readonly status: Status<any>
  /** Called when `read` or `status` changed. */
  readonly listeners: Listeners
  /** Projections that had no persisted rows when this engine opened. */
  readonly building: Set<Fold>
  /** Rebuilds under way, by a key of their projections' names. */
  readonly rebuilds: Map<string, Rebuild>
  host?: HostConnection | undefined
  /** If set, every dispatch is rejected with this error, although nothing is wrong with the log. */
  refusal?: StorageError
  /** True once boot has applied the log. From then on hints are applied. */
  isOpen: boolean
  /** The sequence up to which the reactions have read the log, by the last report that this tab got. */
  reacted?: number
  /** Receives reports about reactions. undefined until its code is loaded. */
  hearReactions?: (reports: Readonly<Record<string, ReactionReport>>, scanned: number) => void
  /** Only for a log in memory: runs its reactions and knows what is open. */
  memoryReactions?: MemoryReactions
  /** Aborts when the engine ends. */
  readonly ended: AbortSignal
  /** Runs a task while this engine has released its lock and its host. undefined until it has them. */
  stepAside?: <T>(task: () => Promise<T>) => Promise<T>
  /** Resolves at the next change, or after a short while without one. */
  nextChange(): Promise<void>
  /** The only way to end the engine. Resolves when no command is in a transaction. */
  end(error: EngineClosed): Promise<void>
}

/**
 * Milliseconds after which `nextChange` resolves without a change. Some changes in a pipeline are not reported to this
 * tab, so its caller has to look again.
 */
const LOOK_AGAIN_MS = 250

/** Creates an engine that has read nothing yet. Its log is in memory until `boot` assigns the stored one. */
export function createCore(model: AnyModel, name: string, isStored: boolean, reserve: Core['reserve']): Core {
  const folds = createFolds(model)
  const ending = new AbortController()
  const listeners = createListeners()
  let read: object | undefined
  let status: Status<any> | undefined
  let previous: Status<any> | undefined

  const core: Core = {
    model,
    name,
    types: eventTypes(model.events),
    folds,
    projections: isStored ? [...folds, ...onDiskFolds(model)] : folds,
    commandRead: commandReadOf(folds),
    interceptors: new Set(),
    log: createMemoryLog(),
    reserve,
    logId: '',
    stored: new Set(),
    listeners,
    persisted: new Map(),
    unpersisted: new Map(),
    progress: new Map(),
    building: new Set(),
    rebuilds: new Map(),
    head: 0,
    tip: 0,
    pending: [],
    state: 'ready',
    isOpen: false,
    behind: false,
    worker: 'none',
    copy: { mirror: { state: 'off', sequence: 0 } },
    ended: ending.signal,
    get read() {
      read ??= Object.freeze(readOf(folds))
      return read
    },
    get status() {
      status ??= keepIfSame(previous, statusOf(core))
      return status
    },
    changed(rows) {
      if (rows) read = undefined
      previous = status ?? previous
      status = undefined
      publish()
    },
    nextChange: () => untilChange(listeners),
    pump: () => pump(),
    async end(error) {
      if (core.state !== 'closed') rebase(core, () => stop(core, 'closed', error))
      await idle()
    },
    over(error) {
      ending.abort(error)
      core.interceptors.clear()
      void idle().then(() => {
        core.channel?.close()
        core.database?.close()
      })
    },
  }

  const { pump, idle } = createPump(core)
  core.drafts = openDraftsOf(model, core)
  const publish = createPublisher(core)
  return core
}

/** Calls the listeners if `read` or `status` changed since their last call. */
function createPublisher(core: Core): () => void {
  let wasPublished = false
  let hasMore = false
  let lastRead: object | undefined
  let lastStatus: Status<any> | undefined

  function tell(): void {
    hasMore = false
    if (!core.listeners.size) return
    const { read, status } = core
    if (read === lastRead && status === lastStatus) return
    lastRead = read
    lastStatus = status
    core.listeners.tell()
  }

  return () => {
    hasMore = true
    if (wasPublished) return
    // The first change is published at once, so that a controlled input keeps its caret. Later changes of the same turn
    // are published together.
    wasPublished = true
    tell()
    queueMicrotask(() => {
      wasPublished = false
      if (hasMore) tell()
    })
  }
}

function untilChange(listeners: Listeners): Promise<void> {
  return new Promise((resolve) => {
    const wake = (): void => {
      clearTimeout(timer)
      forget()
      resolve()
    }
    const timer = setTimeout(wake, LOOK_AGAIN_MS)
    const forget = listeners.add(wake)
  })
}
