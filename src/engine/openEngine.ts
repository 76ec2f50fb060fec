import { EngineClosed, fromWire, ModelError, OutdatedCodeError, ProjectionFailed, StorageError } from '../errors.ts'
import { type Channel, type Hint, openChannel } from '../log/channel.ts'
import { type Database, openDatabase } from '../log/database.ts'
import { createLog, type Log } from '../log/log.ts'
import { type EventTypes, eventTypes } from '../model/events.ts'
import { copyJson } from '../model/json.ts'
import { type AnyModel, commandReadOf, createFolds, type Model, readOf } from '../model/model.ts'
import type { HostConnection } from '../projections/connect.ts'
import { readSnapshot } from '../projections/snapshot.ts'
import { catchUp } from './catchUp.ts'
import { dispatch, withdrawAll, work } from './dispatch.ts'
import { applyCommit, rebase, stop, type Tab, typeKey } from './tab.ts'
import type { DispatchOptions, Engine, OpenOptions, Progress, ProjectionStatus, Status } from './types.ts'

/** What the handles of one page share: one tab's fold of one log. */
export interface Core extends Tab {
  readonly name: string
  read: object
  status: Status<any>
  host: HostConnection | undefined
  readonly listeners: Set<() => void>
  readonly progressListeners: Set<(hint: Hint) => void>
  /** Persisted checkpoints by projection identity. */
  readonly persisted: Map<string, number>
  handles: number
  end(error: EngineClosed): Promise<void>
}

const cores = new WeakMap<object, Map<string, { handles: number; core: Promise<Core> }>>()

/**
 * Opens the log of a model and gives an engine whose read model is ready.
 * @example
 * const engine = await openEngine(todoApp, {
 *   worker: () => new SharedWorker(new URL('./todos.worker.ts', import.meta.url), { type: 'module' }),
 * })
 * engine.read.todos.all()
 * await engine.dispatch.add({ title: 'Buy milk' })
 *
 * Opens from the persisted snapshot and the tail behind it; without a usable snapshot it folds the log, in slices, with
 * `onProgress`. Each call gives a handle of its own; those of the same model, name and storage share one engine.
 * Rejects with `StorageError('unavailable')` where there is no IndexedDB, and with `CorruptLog` where the log has a hole.
 */
export async function openEngine<E extends EventTypes, P, C>(
  model: Model<E, P, C>,
  options: OpenOptions = {},
): Promise<Engine<E, P, C>> {
  const any = model as unknown as AnyModel
  const { name = any.name, storage, signal } = options
  signal?.throwIfAborted()
  const key = `${storage ?? ''}:${name}`
  const open = cores.get(model) ?? new Map()
  cores.set(model, open)
  let shared = open.get(key)
  if (!shared) {
    const forget = (): void => void (open.get(key) === shared && open.delete(key))
    shared = { handles: 0, core: openCore(any, name, options, forget) }
    open.set(key, shared)
    shared.core.catch(forget)
  }
  shared.handles++
  const leave = async (): Promise<void> => {
    if (--shared.handles) return
    open.delete(key)
    await (await shared.core).end(new EngineClosed('closed'))
  }
  try {
    const core = await shared.core
    signal?.throwIfAborted()
    return createHandle(core, options, leave) as unknown as Engine<E, P, C>
  } catch (error) {
    leave().catch(() => {})
    throw error
  }
}

async function openCore(
  model: AnyModel,
  name: string,
  { worker, storage, signal, onProgress }: OpenOptions,
  forget: () => void,
): Promise<Core> {
  const types = eventTypes(model.events)
  const folds = createFolds(model)
  const held: Hint[] = []
  let receive = (hint: Hint): void => void held.push(hint)
  const ended = new AbortController()
  let database: Database | undefined
  let log: Log
  let channel: Channel = { post() {}, close() {} }
  let logId = 'memory'
  let from = 0
  let tail: Awaited<ReturnType<typeof readSnapshot>>['tail'] = []
  let behind = false
  const stored = new Set<string>()
  const persisted = new Map<string, number>()
  let lastError: Error | undefined
  let outdated: OutdatedCodeError | undefined

  if (storage === 'memory') log = (await import('../log/memory.ts')).createMemoryLog()
  else {
    // From the start: what is said while the snapshot is read is not missed.
    channel = openChannel(name, (hint) => receive(hint))
    try {
      database = await openDatabase(name)
      log = createLog(database)
      onProgress?.({ phase: 'snapshot', done: 0, total: 1 })
      const snapshot = await readSnapshot(database, folds)
      onProgress?.({ phase: 'snapshot', done: 1, total: 1 })
      signal?.throwIfAborted()
      if (snapshot.log?.format !== 1) throw new OutdatedCodeError('log format', snapshot.log?.format ?? 0)
      database.log = snapshot.log
      logId = snapshot.log.id
      from = snapshot.from
      tail = snapshot.tail
      behind = snapshot.behind
      for (const { type, version } of snapshot.types) {
        stored.add(typeKey(type, version))
        // Before the first fold: a newer build's worker may have persisted rows of events that this code does not know.
        if (!types.knows(type, version)) outdated ??= new OutdatedCodeError(type, version)
      }
      for (const fold of folds) {
        const checkpoint = snapshot.checkpoints.get(fold.identity)
        persisted.set(fold.identity, checkpoint?.sequence ?? 0)
        if (checkpoint?.failed)
          fold.failed = new ProjectionFailed(fold.name, checkpoint.failed.sequence, fromWire(checkpoint.failed.error))
      }
      if (snapshot.discarded.length)
        lastError = new StorageError(
          'lost',
          `The persisted pages of ${snapshot.discarded.join(', ')} were damaged; they are folded again from the log.`,
        )
      if (database.dataLoss && database.dataLoss !== 'none')
        lastError = new StorageError(
          'lost',
          `The browser lost the database "${name}" and made a new one: ${database.dataLoss}.`,
        )
    } catch (error) {
      channel.close()
      database?.close()
      throw error
    }
  }

  let running = false
  let readStale = true
  let statusStale = true
  let told = false
  let again = false
  let read: object = {}
  let status: Status<any>
  let workerKind: Status['worker'] = 'none'
  let persistent = false
  const progress = new Map<string, Progress>()
  const listeners = new Set<() => void>()

  const core: Core = {
    model,
    name,
    types,
    folds,
    log,
    database,
    logId,
    channel,
    stored,
    persisted,
    listeners,
    commandRead: commandReadOf(folds),
    progressListeners: new Set(),
    head: from,
    tip: from,
    pending: [],
    state: outdated ? 'outdated' : 'ready',
    error: outdated ?? lastError,
    behind,
    catchingUp: false,
    handles: 0,
    host: undefined,
    get read() {
      if (readStale) read = Object.freeze(readOf(folds))
      readStale = false
      return read
    },
    get status() {
      if (statusStale) status = statusOf()
      statusStale = false
      return status
    },
    changed(rows) {
      readStale ||= rows
      statusStale = true
      again = true
      if (told) return
      // The first change is told at once, so that a controlled input keeps its caret; the others of this turn together.
      told = true
      tell()
      queueMicrotask(() => {
        told = false
        if (again) tell()
      })
    },
    pump() {
      if (running) return
      running = true
      work(core)
        .catch((error) => rebase(core, () => stop(core, 'failed', error)))
        .finally(() => {
          running = false
          // Whatever came in while the last round ended.
          if (core.state === 'ready' && (core.pending.length || core.behind)) core.pump()
          else idle.splice(0).forEach((resolve) => resolve())
        })
    },
    async end(error) {
      forget()
      if (ended.signal.aborted) return
      ended.abort(error)
      rebase(core, () => stop(core, 'closed', error))
      if (running) await new Promise<void>((resolve) => idle.push(resolve))
      core.host?.close()
      channel.close()
      core.log.close()
    },
  }
  const idle: (() => void)[] = []

  function tell(): void {
    again = false
    for (const listener of [...listeners]) {
      try {
        listener()
      } catch (error) {
        // A listener's mistake is its own: the others are told all the same.
        globalThis.reportError?.(error)
      }
    }
  }

  function statusOf(): Status<any> {
    const { error } = core
    const projections: Record<string, ProjectionStatus> = {}
    let projected = Infinity
    for (const { name, identity, failed, sequence } of folds) {
      const at = database ? (persisted.get(identity) ?? 0) : sequence
      const building = progress.get(name)
      if (failed) projections[name] = { state: 'failed', sequence: failed.sequence, error: failed }
      else {
        projections[name] = {
          state: sequence < core.head ? 'building' : 'ready',
          sequence: at,
          ...(building && { progress: building }),
        }
        projected = Math.min(projected, at)
      }
    }
    return Object.freeze({
      state: core.state,
      sequence: core.head,
      projected: projected === Infinity ? core.head : projected,
      pending: core.pending.length,
      worker: workerKind,
      storage: database ? (persistent ? 'persistent' : 'best-effort') : 'memory',
      projections,
      mirror: { state: 'off', sequence: 0, reason: 'not built' },
      ...(error && { lastError: error }),
    } satisfies Status<any>)
  }

  function onHint(hint: Hint): void {
    // Rule 9: of another log, whose numbers may happen to fit.
    if (hint.log !== logId || core.state === 'closed') return
    if ('commit' in hint) {
      const { commit } = hint
      if (commit.last <= core.head) return
      if (commit.first === core.head + 1 && !core.catchingUp && !core.behind && core.state === 'ready')
        return rebase(core, () => applyCommit(core, commit))
      core.behind = true
      core.pump()
    } else if ('head' in hint) {
      core.behind ||= hint.head > core.head
      core.pump()
    } else if ('projected' in hint) {
      for (const [identity, sequence] of Object.entries(hint.projected)) persisted.set(identity, sequence)
      core.changed(false)
    } else if ('progress' in hint) {
      for (const projection of hint.projections) {
        if (hint.progress.done < hint.progress.total) progress.set(projection, hint.progress)
        else progress.delete(projection)
      }
      for (const listener of core.progressListeners) listener(hint)
      core.changed(false)
    } else if ('destroyed' in hint) void core.end(new EngineClosed('destroyed'))
  }

  try {
    if (!outdated) {
      // Folds that lag behind the others are folded from where they stand; the rest skips what it has.
      rebase(core, () => {
        for (const record of tail) applyCommit(core, record)
      })
      if (core.behind) {
        const start = core.head
        const total = Math.max(start, ...persisted.values())
        await catchUp(core, signal, (done) => onProgress?.({ phase: 'catch-up', done, total: Math.max(done, total) }))
        onProgress?.({ phase: 'catch-up', done: core.head, total: core.head })
      }
      if ((core.state as Tab['state']) === 'failed') throw core.error
    }
  } catch (error) {
    await core.end(new EngineClosed('closed'))
    throw error
  }
  receive = onHint
  for (const hint of held.splice(0)) onHint(hint)

  if (database) {
    const { navigator } = globalThis
    // Shared by everyone who has this log open: archiving takes it exclusively.
    navigator?.locks
      ?.request(
        `tidemark:${name}`,
        { mode: 'shared', signal: ended.signal },
        () => new Promise((resolve) => ended.signal.addEventListener('abort', resolve)),
      )
      .catch(() => {})
    navigator?.storage?.persisted?.().then(
      (answer) => {
        persistent = answer
        if (answer) core.changed(false)
      },
      () => {},
    )
    // After the caller's first paint; nothing ever waits for it.
    setTimeout(async () => {
      if (ended.signal.aborted) return
      try {
        const { connectHost } = await import('../projections/connect.ts')
        if (ended.signal.aborted) return
        core.host = connectHost(model, name, worker, (kind, error) => {
          workerKind = kind
          if (error) core.error = error as Error
          core.changed(false)
        })
      } catch (error) {
        core.error = error as Error
        core.changed(false)
      }
    })
  }
  return core
}

function createHandle(core: Core, { meta }: OpenOptions, leave: () => Promise<void>): Engine<any, any, any> {
  const own = {}
  const subscribed = new Set<() => void>()
  const open = new Set<Promise<unknown>>()
  let closing: Promise<void> | undefined
  let last: { read: object; status: Status<any> } | undefined
  const ownMeta = copyJson(meta)

  function send(name: string, input: unknown, options: DispatchOptions = {}): Promise<unknown> {
    if (closing) return Promise.reject(new EngineClosed('closed'))
    const both =
      isObject(ownMeta) && isObject(options.meta) ? { ...ownMeta, ...options.meta } : (options.meta ?? ownMeta)
    const sent = dispatch(
      core,
      own,
      name,
      input,
      both === undefined ? options : { ...options, meta: both as NonNullable<DispatchOptions['meta']> },
    )
    open.add(sent)
    const done = (): void => void open.delete(sent)
    sent.then(done, done)
    return sent
  }

  async function close(): Promise<void> {
    withdrawAll(core, own, new EngineClosed('closed'))
    await Promise.allSettled(open)
    last = { read: core.read, status: Object.freeze({ ...core.status, state: 'closed' }) }
    await leave()
    for (const listener of subscribed) {
      core.listeners.delete(listener)
      listener()
    }
  }

  const commands = Object.fromEntries(
    Object.keys(core.model.commands).map((name) => [
      name,
      (input: unknown, options?: DispatchOptions) => send(name, input, options),
    ]),
  )
  const handle: Omit<Engine<any, any, any>, typeof Symbol.asyncDispose> = {
    model: core.model as never,
    get read() {
      return (last?.read ?? core.read) as never
    },
    get status() {
      return last?.status ?? core.status
    },
    dispatch: new Proxy(commands, {
      get: (known, name) =>
        Object.hasOwn(known, name) || typeof name !== 'string' || name === 'then' || name === 'toJSON'
          ? Reflect.get(known, name)
          : () =>
              Promise.reject(
                new ModelError(
                  `unknown command "${name}": the model "${core.model.name}" has ${Object.keys(known).join(', ')}`,
                ),
              ),
    }) as never,
    subscribe(listener) {
      // The same function may be given twice and is told twice.
      const one = (): void => listener()
      subscribed.add(one)
      core.listeners.add(one)
      return () => {
        subscribed.delete(one)
        core.listeners.delete(one)
      }
    },
    async *history(options = {}) {
      const { history } = await import('./history.ts')
      yield* history(core, options) as AsyncGenerator<never>
    },
    async projected(sequence = core.head, options = {}) {
      if (closing) throw new EngineClosed('closed')
      if (core.database) await (await import('./projected.ts')).projected(core, sequence, options.signal)
    },
    async rebuild(options = {}) {
      if (closing) throw new EngineClosed('closed')
      await (await import('./rebuild.ts')).rebuild(core, options)
    },
    close: () => (closing ??= close()),
  }
  if (Symbol.asyncDispose) Object.defineProperty(handle, Symbol.asyncDispose, { value: handle.close })
  return Object.freeze(handle) as Engine<any, any, any>
}

const isObject = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
