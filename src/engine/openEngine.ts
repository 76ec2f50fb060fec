import { aborting, createListeners } from '../async.ts'
import { EngineClosed, ModelError, StorageError } from '../errors.ts'
import { type EventTypes, eventTypes } from '../model/events.ts'
import { copyJson, deepFreeze } from '../model/json.ts'
import type { Model } from '../model/model.ts'
import { waitForHead } from './arrive.ts'
import { boot } from './boot.ts'
import type { AnyReceipt, Sender } from './caller.ts'
import type { Core } from './core.ts'
import { dispatch, type Special, takeBack } from './dispatch.ts'
import { reacting, reserve } from './part.ts'
import { projected } from './projected.ts'
import type { DispatchOptions, Engine, OpenOptions, Status } from './types.ts'

/** One engine that the handles of a page share. */
interface SharedEngine {
  handles: number
  readonly core: Promise<Core>
  opened?: Core
  /** Aborts the boot when no caller waits for it any more. */
  readonly abandoned: AbortController
}

const cores = new WeakMap<object, Map<string, SharedEngine>>()

/** By model, the log that a test opens instead of the app's. */
export const replacements: WeakMap<object, () => Pick<OpenOptions, 'name' | 'storage'> | undefined> = new WeakMap()

/** The core behind a handle. */
export const coreOf: WeakMap<object, Core> = new WeakMap()

/** By handle, the function that dispatches with options that apps can't pass. */
export const sendOf: WeakMap<object, Send> = new WeakMap()
export type Send = (name: string, input: unknown, options?: DispatchOptions, special?: Special) => Promise<AnyReceipt>

/**
 * Opens the log of a model and returns an engine whose read model is ready.
 * @example
 * ```ts
 * const engine = await openEngine(todoApp, {
 *   worker: () => new SharedWorker(new URL('./todos.worker.ts', import.meta.url), { type: 'module' }),
 * })
 * engine.read.todos.all()
 * await engine.dispatch.add({ title: 'Buy milk' })
 * ```
 *
 * It reads the persisted snapshot and the tail after it. Without a usable snapshot it folds the log in slices and calls
 * `onProgress`. Each call returns a handle of its own. Handles of the same model, name and storage share one engine.
 *
 * Resolves at the head that the log has at the call. Rejects with `StorageError('unavailable')` if there is no
 * IndexedDB, if the database is not a log of Tidemark, or if a part of the library can't be loaded; with
 * `StorageError('blocked')` if another tab keeps the database from being opened; with `CorruptLog` if the log has a
 * hole.
 *
 * On a server (no window, no IndexedDB) the engine opens empty: `status.storage` is `'memory'`, `status.lastError`
 * gives the reason, and every dispatch rejects.
 */
export async function openEngine<E extends EventTypes, P, C, D>(
  model: Model<E, P, C, D>,
  options: OpenOptions = {},
): Promise<Engine<E, P, C, D>> {
  if (__DEV__ && !eventTypes(model?.events))
    throw new ModelError('openEngine: the first argument is not a model. Pass what defineModel returned')
  const { signal } = options
  const replaced = replacements.get(model)?.()
  const { name = model.name, storage: asked } = replaced ?? options
  const remote = replaced ? undefined : options.remote
  signal?.throwIfAborted()
  const server = asked ? undefined : refusalOnServer(name)
  const storage = server ? 'memory' : asked
  const open = cores.get(model) ?? new Map<string, SharedEngine>()
  cores.set(model, open)
  const key = `${storage}:${name}`
  const known = open.get(key)
  // Handles of a failed engine keep it. A new call opens a new engine.
  const joined = known?.opened?.state === 'failed' ? undefined : known
  const shared =
    joined ??
    share(open, key, (abandoned) =>
      // `boot` and everything that it calls see a model without its types.
      boot(model as Model<any, any, any, any>, name, { ...options, remote, storage, server, signal: abandoned }),
    )
  const { core, abandoned } = shared
  /** Gives up one handle. With the last one, the engine ends, or its boot is aborted. */
  const leave = async (): Promise<void> => {
    if (--shared.handles) return
    forget(open, key, shared)
    abandoned.abort(signal?.reason)
    await (await core).end(new EngineClosed('closed'))
  }
  shared.handles++
  try {
    // If this caller's signal aborts, other callers keep waiting for the engine.
    const opened = await aborting(core, signal)
    if (joined && opened.database) await waitForHead(opened, signal)
    // The handle is built without a model's types. This cast adds them.
    return createHandle(opened, options, leave) as Engine<any, any, any, any>
  } catch (error) {
    leave().catch(() => {})
    throw error
  }
}

/** Boots an engine, and registers it under `key` until it ends. */
function share(
  open: Map<string, SharedEngine>,
  key: string,
  start: (abandoned: AbortSignal) => Promise<Core>,
): SharedEngine {
  const abandoned = new AbortController()
  const shared: SharedEngine = { handles: 0, abandoned, core: start(abandoned.signal) }
  open.set(key, shared)
  shared.core.then(
    (core) => {
      shared.opened = core
      // After any end of this engine, the next call opens another.
      core.ended.addEventListener('abort', () => forget(open, key, shared), { once: true })
    },
    () => forget(open, key, shared),
  )
  return shared
}

function forget(open: Map<string, SharedEngine>, key: string, shared: SharedEngine): void {
  if (open.get(key) === shared) open.delete(key)
}

/**
 * The error that refuses commands on a server; undefined in a browser. A server renders pages for many visitors with
 * one engine, so it shows an empty log: otherwise one visitor would see the data of another.
 */
function refusalOnServer(name: string): StorageError | undefined {
  const isServer = !('window' in globalThis) && !('WorkerGlobalScope' in globalThis) && !globalThis.indexedDB
  if (!isServer) return undefined
  return new StorageError(
    'unavailable',
    `This is a server: "${name}" is empty here and takes no commands. Dispatch in the browser, or open { storage: 'memory' }.`,
  )
}

/** An engine without a model's types. `Symbol.asyncDispose` is added if the platform has it. */
interface EngineHandle
  extends Omit<Engine<any, any, any>, 'model' | 'read' | 'dispatch' | 'drafts' | typeof Symbol.asyncDispose> {
  readonly model: Core['model']
  readonly read: object
  readonly dispatch: object
  readonly drafts: object
}

/** The drafts of a model that declares none. */
const NO_DRAFTS = Object.freeze({})

function createHandle(core: Core, options: OpenOptions, leave: () => Promise<void>): EngineHandle {
  const listeners = createListeners()
  const unsubscribe = core.listeners.add(listeners.tell)
  const sender: Sender = { meta: deepFreeze(copyJson(options.meta, 'meta')), open: 0 }
  let closing: Promise<void> | undefined
  let last: { readonly read: object; readonly status: Status<any> } | undefined

  const send: Send = (name, input, given, special) => {
    if (closing) return Promise.reject(new EngineClosed('closed'))
    if (core.refusal) return Promise.reject(core.refusal)
    if (given?.durability === 'remote' && !core.layer)
      return Promise.reject(
        new ModelError(`"${core.name}" has no remote to wait for: give one to openEngine, or leave out durability`),
      )
    return dispatch(core, sender, name, input, given, special)
  }
  const close = async (): Promise<void> => {
    for (const pending of [...core.pending]) {
      for (const caller of pending.callers)
        if (caller.owner === sender) takeBack(core, pending, caller, new EngineClosed('closed'))
    }
    core.layer?.leave(sender, new EngineClosed('closed'))
    if (sender.open)
      await new Promise<void>((resolve) => {
        sender.idle = resolve
      })
    const { read, status } = core
    last = { read, status: Object.freeze({ ...status, state: 'closed' }) }
    for (const interceptor of core.interceptors) if (interceptor.owner === handle) core.interceptors.delete(interceptor)
    // Unsubscribed first, because the end of the engine would call the listeners a second time.
    unsubscribe()
    await leave()
    listeners.tell()
  }

  /** A closed handle throws, even if another handle keeps the engine open. */
  const throwIfClosed = (): void => {
    if (closing) throw new EngineClosed('closed')
  }

  const handle: EngineHandle = {
    model: core.model,
    get read() {
      return (last ?? core).read
    },
    get status() {
      return (last ?? core).status
    },
    // Every name is a function, so that a misspelt command rejects like any other error. The exceptions are the names
    // that `await` and JSON look for.
    dispatch: new Proxy<Record<string, (...given: any[]) => unknown>>(Object.create(null), {
      get(known, name) {
        if (typeof name !== 'string' || name === 'then' || name === 'toJSON') return undefined
        known[name] ??= (input: unknown, given?: DispatchOptions) => send(name, input, given)
        return known[name]
      },
    }),
    drafts: core.drafts?.byName ?? NO_DRAFTS,
    subscribe: listeners.add,
    async *history(given = {}) {
      throwIfClosed()
      // Ends a refold, so it comes before the head.
      const withLocal = core.layer?.past(given)
      const { head } = core
      const { history } = await reserve.load(given.signal)
      yield* history(core, head, given, withLocal)
    },
    events: (given = {}) => ({
      [Symbol.asyncIterator]() {
        const made = reserve.load(given.signal).then(({ events }) => events(core, handle, given))
        return { next: async () => (await made).next(), return: async () => (await made).return!() }
      },
    }),
    async projected(sequence = core.head, { signal } = {}) {
      throwIfClosed()
      await projected(core, sequence, signal)
    },
    async settled({ signal } = {}) {
      throwIfClosed()
      if (!core.reactions) return
      const { settled } = await reacting.load(signal)
      await settled(core, signal)
    },
    async rebuild(given = {}) {
      throwIfClosed()
      const { rebuild } = await reserve.load(given.signal)
      await rebuild(core, given)
    },
    close: () => (closing ??= close()),
  }
  if (Symbol.asyncDispose) Object.defineProperty(handle, Symbol.asyncDispose, { value: handle.close })
  coreOf.set(handle, core)
  sendOf.set(handle, send)
  return Object.freeze(handle)
}
