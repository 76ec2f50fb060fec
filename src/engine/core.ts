import { EngineClosed } from '../errors.ts'
import { type Hint, openChannel } from '../log/channel.ts'
import type { CommitRecord } from '../log/commit.ts'
import { type Database, openDatabase } from '../log/database.ts'
import type { Log } from '../log/log.ts'
import { eventTypes } from '../model/events.ts'
import { type AnyModel, commandReadOf, createFolds, readOf } from '../model/model.ts'
import { readBoot } from '../projections/boot.ts'
import type { HostConnection } from '../projections/connect.ts'
import { applyCommit, fail, rebase, stop, type Tab, typeKey } from './tab.ts'
import { statusOf } from './tabStatus.ts'
import type { OpenOptions, Progress, Status } from './types.ts'

/** What the handles of one page share: one tab's fold of one log. */
export interface Core extends Tab {
  readonly name: string
  readonly read: object
  readonly status: Status<any>
  readonly listeners: Set<() => void>
  /** `folds`, and those of on-disk tables: the host folds these alone, what a tab knows of them is told. */
  projections: Tab['folds']
  /** Persisted checkpoints by projection identity. */
  readonly persisted: Map<string, number>
  /** Rebuilds under way, by projection name. */
  readonly progress: Map<string, Progress>
  worker: Status['worker']
  /** The second copy of the log. */
  copy: Pick<Status, 'mirror' | 'restored'>
  persistent?: boolean
  host?: HostConnection | undefined
  /** Hints that are not about the log's head. */
  attend?: (hint: Hint) => void
  /** Takes a hint, from whatever channel there is. */
  hear(hint: Hint): void
  readonly ended: AbortSignal
  tell(listeners: Iterable<() => void>): void
  /**
   * The half of the engine that reads and writes the log, and `log` with it. A page shows its rows without: it comes after
   * them, or with the first command.
   */
  working(): Promise<typeof import('./work.ts')>
  end(error: EngineClosed): Promise<void>
}

/** Opens one log: listens first, reads the snapshot in one transaction, applies the tail. The worker is never awaited. */
export async function openCore(model: AnyModel, name: string, options: OpenOptions): Promise<Core> {
  const { storage, signal, onProgress } = options
  // First of all: the browser opens it while this page makes what the rows go into.
  const opening = !storage && openDatabase(name)
  const types = eventTypes(model.events)
  const folds = createFolds(model)
  const ending = new AbortController()
  const idle: (() => void)[] = []
  let parts: typeof import('./work.ts') | undefined
  let ready = false
  let running = false
  let told = false
  let more = false
  let read: object | undefined
  let status: Status<any> | undefined

  const core: Core = {
    model,
    name,
    types,
    folds,
    projections: folds,
    commandRead: commandReadOf(folds),
    interceptors: new Set(),
    log: undefined as unknown as Log,
    logId: '',
    stored: new Set(),
    listeners: new Set(),
    persisted: new Map(),
    progress: new Map(),
    head: 0,
    tip: 0,
    pending: [],
    state: 'ready',
    behind: false,
    worker: 'none',
    copy: { mirror: { state: 'off', sequence: 0 } },
    hear: onHint,
    ended: ending.signal,
    tell,
    get read() {
      return (read ??= Object.freeze(readOf(folds)))
    },
    get status() {
      return (status ??= statusOf(core))
    },
    changed(rows) {
      if (rows) read = undefined
      status = undefined
      more = true
      if (told) return
      // The first change is told at once, so that a controlled input keeps its caret; the others of this turn together.
      told = true
      tell()
      queueMicrotask(() => {
        told = false
        if (more) tell()
      })
    },
    async working() {
      parts ??= await import('./work.ts')
      core.log ??= core.database ? parts.createLog(core.database) : parts.createMemoryLog()
      return parts
    },
    pump() {
      if (running) return
      running = true
      // What is dispatched in one go is appended in one record.
      core
        .working()
        .then((parts) => parts.work(core))
        .catch((error) =>
          rebase(core, () => {
            for (const pending of [...core.pending]) fail(core, pending, (core.error = error))
          }),
        )
        .finally(() => {
          running = false
          // What came in while the last round ended.
          if (core.state === 'ready' && core.pending.length) core.pump()
          else for (const resolve of idle.splice(0)) resolve()
        })
    },
    async end(error) {
      if (ending.signal.aborted) return
      ending.abort(error)
      rebase(core, () => stop(core, 'closed', error))
      core.interceptors.clear()
      if (running) await new Promise<void>((resolve) => idle.push(resolve))
      core.channel?.close()
      core.database?.close()
    },
  }

  function tell(listeners: Iterable<() => void> = core.listeners): void {
    more = false
    for (const listener of [...listeners]) {
      try {
        listener()
      } catch (error) {
        // A listener's mistake is its own: the others are told all the same.
        globalThis.reportError?.(error)
      }
    }
  }

  function onHint(hint: Hint): void {
    // Rule 9: of another log, whose numbers may happen to fit. What is said before the snapshot is read is looked up afterwards.
    if (!ready || hint.log !== core.logId) {
      core.behind ||= !ready
      return
    }
    const { commit, head = commit?.last ?? 0 } = hint as { commit?: CommitRecord; head?: number }
    // With commands pending, each hint would decide them again: a tab that writes back to back would drown this one.
    const fits = commit?.first === core.head + 1 && !core.catchingUp && !core.behind && !core.pending.length
    if (fits) rebase(core, () => applyCommit(core, commit, true))
    else if (head > core.head) core.behind = true
    else core.attend?.(hint)
    if (core.behind) core.pump()
  }

  /** Takes up what the snapshot says. Throws what makes this log unreadable. */
  async function begin(database: Database): Promise<void> {
    const tell = (done: number): void => onProgress?.({ phase: 'snapshot', done, total: 1 })
    tell(0)
    const snapshot = await readBoot(database, folds)
    tell(1)
    const { log, checkpoints, types: known, discarded, from, tail, behind } = snapshot
    database.log = log
    core.logId = log?.id
    core.head = from
    core.behind ||= behind
    for (const { identity } of folds) core.persisted.set(identity, checkpoints.get(identity)?.sequence ?? 0)
    // What is stored may be anything, or nothing at all.
    for (const one of known) if (one) core.stored.add(typeKey(one.type, one.version))
    const usual =
      known.every((one) => one && types.knows(one.type, one.version)) &&
      Object.keys(model.projections).length === (folds.length || -1) &&
      log?.format === 1 &&
      !database.dataLoss &&
      !discarded.length &&
      [...checkpoints.values()].every(({ failed }) => !failed)
    if (!usual) await (await import('./unusual.ts')).unusual(core, snapshot, options)
    rebase(core, () => {
      for (const record of tail) applyCommit(core, record)
    })
    if (core.behind && core.state === 'ready') {
      const { catchUp } = await core.working()
      await catchUp(core, signal, (done) =>
        onProgress?.({ phase: 'catch-up', done, total: Math.max(done, ...core.persisted.values()) }),
      )
    }
    if (core.state === 'failed' || core.state === 'closed') throw core.error
    signal?.throwIfAborted()
    ready = true
    if (core.behind) core.pump()
    // After the caller's first paint; nothing ever waits for it.
    setTimeout(async () => {
      try {
        await core.working()
        const { attach } = await import('./attach.ts')
        if (!core.ended.aborted) attach(core, options)
      } catch (error) {
        core.error = error as Error
        core.changed(false)
      }
    })
  }

  try {
    if (opening) {
      core.channel = openChannel(name, onHint)
      await begin((core.database = await opening))
    } else {
      await core.working()
    }
  } catch (error) {
    await core.end(new EngineClosed('closed'))
    throw error
  }
  return core
}
