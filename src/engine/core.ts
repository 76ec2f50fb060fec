import { EngineClosed, StorageError } from '../errors.ts'
import { type Channel, type Hint, openChannel } from '../log/channel.ts'
import { type Database, openDatabase } from '../log/database.ts'
import { createLog, type Log } from '../log/log.ts'
import { eventTypes } from '../model/events.ts'
import { type AnyModel, commandReadOf, createFolds, readOf } from '../model/model.ts'
import type { HostConnection } from '../projections/connect.ts'
import { readSnapshot, type Snapshot } from '../projections/snapshot.ts'
import { work } from './dispatch.ts'
import { applyCommit, rebase, settle, stop, type Tab, typeKey } from './tab.ts'
import type { OpenOptions, Progress, ProjectionStatus, Status } from './types.ts'

/** What the handles of one page share: one tab's fold of one log. */
export interface Core extends Tab {
  readonly name: string
  readonly read: object
  readonly status: Status<any>
  readonly listeners: Set<() => void>
  /** Persisted checkpoints by projection identity. */
  readonly persisted: Map<string, number>
  /** Rebuilds under way, by projection name. */
  readonly progress: Map<string, Progress>
  worker: Status['worker']
  persistent: boolean
  host: HostConnection | undefined
  /** Hints that are not about the log's head. */
  attend: ((hint: Hint) => void) | undefined
  readonly ended: AbortSignal
  end(error: EngineClosed): Promise<void>
}

/** Opens one log: listens first, reads the snapshot in one transaction, applies the tail. The worker is never awaited. */
export async function openCore(
  model: AnyModel,
  name: string,
  { worker, storage, signal, onProgress }: OpenOptions,
): Promise<Core> {
  const types = eventTypes(model.events)
  const folds = createFolds(model)
  const ending = new AbortController()
  const held: Hint[] = []
  const idle: (() => void)[] = []
  let receive = (hint: Hint): void => void held.push(hint)
  let channel: Channel = { post() {}, close() {} }
  let database: Database | undefined
  let log: Log
  let snapshot: Snapshot | undefined
  let running = false
  let readStale = true
  let statusStale = true
  let told = false
  let more = false
  let read: object
  let status: Status<any>

  if (storage) log = (await import('../log/memory.ts')).createMemoryLog()
  else {
    channel = openChannel(name, (hint) => receive(hint))
    try {
      database = await openDatabase(name)
      log = createLog(database)
      onProgress?.({ phase: 'snapshot', done: 0, total: 1 })
      snapshot = await readSnapshot(database, folds)
      onProgress?.({ phase: 'snapshot', done: 1, total: 1 })
      database.log = snapshot.log
      signal?.throwIfAborted()
    } catch (error) {
      channel.close()
      database?.close()
      throw error
    }
  }

  const core: Core = {
    model,
    name,
    types,
    folds,
    log,
    database,
    channel,
    logId: snapshot?.log.id ?? '',
    commandRead: commandReadOf(folds),
    stored: new Set(snapshot?.types.map(({ type, version }) => typeKey(type, version))),
    listeners: new Set(),
    persisted: new Map(),
    progress: new Map(),
    head: snapshot?.from ?? 0,
    tip: 0,
    pending: [],
    state: 'ready',
    error: undefined,
    behind: snapshot?.behind ?? false,
    catchingUp: false,
    worker: 'none',
    persistent: false,
    host: undefined,
    attend: undefined,
    ended: ending.signal,
    get read() {
      if (readStale) read = Object.freeze(readOf(folds))
      readStale = false
      return read
    },
    get status() {
      if (statusStale) status = statusOf(core)
      statusStale = false
      return status
    },
    changed(rows) {
      readStale ||= rows
      statusStale = more = true
      if (told) return
      // The first change is told at once, so that a controlled input keeps its caret; the others of this turn together.
      told = true
      tell()
      queueMicrotask(() => {
        told = false
        if (more) tell()
      })
    },
    pump() {
      if (running) return
      running = true
      work(core)
        .catch((error) => {
          // Nothing that is expected: whoever waits is told, and the log is read before anything else is written.
          core.behind = true
          core.error = error
          rebase(core, () => {
            for (const pending of [...core.pending])
              settle(core, pending, pending.attempts.size ? new StorageError('unknown', error.message, error) : error)
          })
        })
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
      if (running) await new Promise<void>((resolve) => idle.push(resolve))
      core.host?.close()
      channel.close()
      log.close()
    },
  }

  function tell(): void {
    more = false
    for (const listener of [...core.listeners]) {
      try {
        listener()
      } catch (error) {
        // A listener's mistake is its own: the others are told all the same.
        globalThis.reportError?.(error)
      }
    }
  }

  /** Takes up what the snapshot says. Throws what makes this log unreadable. */
  async function begin(snapshot: Snapshot): Promise<void> {
    const { log, checkpoints, types: known, discarded } = snapshot
    for (const { identity } of folds) core.persisted.set(identity, checkpoints.get(identity)?.sequence ?? 0)
    const usual =
      folds.length &&
      log.format === 1 &&
      !database?.dataLoss &&
      !discarded.length &&
      known.every(({ type, version }) => types.knows(type, version)) &&
      [...checkpoints.values()].every(({ failed }) => !failed)
    if (!usual) await (await import('./unusual.ts')).unusual(core, snapshot)
    rebase(core, () => {
      for (const record of snapshot.tail) applyCommit(core, record)
    })
    if (core.behind && core.state === 'ready') {
      const total = Math.max(...core.persisted.values())
      const { catchUp } = await import('./catchUp.ts')
      await catchUp(core, signal, (done) => onProgress?.({ phase: 'catch-up', done, total: Math.max(done, total) }))
    }
    if (core.state === 'failed') throw core.error
  }

  function onHint(hint: Hint): void {
    // Rule 9: of another log, whose numbers may happen to fit.
    if (hint.log !== core.logId) return
    const { commit, head = commit?.last ?? 0 } = hint as { commit?: Parameters<typeof applyCommit>[1]; head?: number }
    if (commit?.first === core.head + 1 && !core.catchingUp && !core.behind)
      rebase(core, () => applyCommit(core, commit))
    else if (head > core.head) {
      core.behind = true
      core.pump()
    } else core.attend?.(hint)
  }

  if (snapshot) {
    try {
      await begin(snapshot)
    } catch (error) {
      await core.end(new EngineClosed('closed'))
      throw error
    }
    receive = onHint
    held.forEach(onHint)
    // After the caller's first paint; nothing ever waits for it.
    setTimeout(() => {
      import('./attach.ts')
        .then(({ attach }) => ending.signal.aborted || attach(core, worker))
        .catch((error) => {
          core.error = error
          core.changed(false)
        })
    })
  }
  return core
}

function statusOf({
  folds,
  database,
  persisted,
  progress,
  head,
  pending,
  state,
  worker,
  persistent,
  error,
}: Core): Status<any> {
  const projections: Record<string, ProjectionStatus> = {}
  let projected = head
  for (const { name, identity, failed, sequence } of folds) {
    const at = database ? (persisted.get(identity) ?? 0) : sequence
    const building = progress.get(name)
    if (failed) projections[name] = { state: 'failed', sequence: failed.sequence, error: failed }
    else {
      projections[name] = {
        state: sequence < head ? 'building' : 'ready',
        sequence: at,
        ...(building && { progress: building }),
      }
      projected = Math.min(projected, at)
    }
  }
  return Object.freeze({
    state,
    sequence: head,
    projected,
    pending: pending.length,
    worker,
    storage: database ? (persistent ? 'persistent' : 'best-effort') : 'memory',
    projections,
    mirror: { state: 'off', sequence: 0 },
    ...(error && { lastError: error }),
  } satisfies Status<any>) as Status<any>
}
