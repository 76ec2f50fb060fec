import { asError } from '../caught.ts'
import { restore } from '../copies/restore.ts'
import type { Restored } from '../copies/restored.ts'
import { EngineClosed, ProjectionFailed, StorageError } from '../errors.ts'
import { openChannel } from '../log/channel.ts'
import { type Database, type LogIdentity, openDatabase } from '../log/database.ts'
import { isShared } from '../log/local.ts'
import { createLog } from '../log/log.ts'
import { fromWire } from '../log/wire.ts'
import type { AnyModel } from '../model/model.ts'
import { type Boot, readBoot } from '../projections/readBoot.ts'
import { mayBeLost } from '../projections/snapshot.ts'
import { stateAfter } from './afterwards.ts'
import { catchUp } from './catchUp.ts'
import { checkStored, type Verdict } from './check.ts'
import { type Core, createCore } from './core.ts'
import { takeHint } from './hints.ts'
import { keepLoading } from './keepLoading.ts'
import { reacting, reserve, sharedPart } from './part.ts'
import { appear } from './presence.ts'
import { noteBooted } from './reactions.ts'
import { applyCommit, rebase, stop, typeKey } from './tab.ts'
import type { OpenOptions } from './types.ts'
import { visitIsDone } from './visitIsDone.ts'
import { withReactions } from './withReactions.ts'

/** `server`: nothing is stored, and this is what a dispatch is told. */
export interface BootOptions extends OpenOptions {
  readonly server?: StorageError | undefined
}

/**
 * Opens one log: listens, reads the snapshot in one transaction, applies the tail. It arrives at the head that the log had at
 * the call, or rejects with a typed error. The worker is never awaited.
 */
export async function boot(model: AnyModel, name: string, options: BootOptions): Promise<Core> {
  const { storage, signal } = options
  // First of all: the browser opens it while this page makes what the rows go into.
  const blocked = (): void => options.onProgress?.({ phase: 'blocked', done: 0, total: 1 })
  const opening = storage ? undefined : openDatabase(name, true, blocked, signal)
  const seldomNeeded = (): ReturnType<typeof reserve.load> => reserve.load()
  const core = createCore(model, name, !storage, seldomNeeded)
  options.observe?.(core)
  if (options.reactions) core.reactions = {}
  try {
    if (opening) {
      core.channel = openChannel(name, (hint) => takeHint(core, hint))
      const database = await opening
      database.rescue = async (record) => (await reserve.load()).rescue(database, record)
      core.database = database
      core.log = createLog(database, seldomNeeded)
      signal?.throwIfAborted()
      await readDatabase(core, core.database, options)
      signal?.throwIfAborted()
      if (options.reactions && database.hasNewer) core.first = noteBooted(core.head)
      // There is no first paint to wait for, and what can't be loaded now never will be.
      if ('ServiceWorkerGlobalScope' in globalThis)
        await Promise.all([reserve.load(), options.reactions && reacting.load()])
      appearLater(core, options)
    } else if (options.server) core.error = core.refusal = options.server
    else if (options.remote)
      sharedPart.load(core.ended).then(
        (part) => part.tellInMemory(core),
        () => {},
      )
    else withReactions(core, options, (part) => part.reactInPage(core, options, core, 0))
    core.isOpen = true
    if (core.behind) core.pump()
  } catch (error) {
    // An observer reads it.
    core.error = asError(error)
    await core.end(new EngineClosed('closed'))
    throw error
  }
  return core
}

async function readDatabase(core: Core, database: Database, options: OpenOptions): Promise<void> {
  const { onProgress } = options
  onProgress?.({ phase: 'snapshot', done: 0, total: 1 })
  const snapshot = await readStored(database, core, options)
  onProgress?.({ phase: 'snapshot', done: 1, total: 1 })
  takeSnapshot(core, snapshot)
  await settle(core, database, snapshot, options)
  try {
    // If the file that does it can't be loaded, the log opens as it is.
    if (options.remote && !isShared(database.log))
      await sharedPart.load(options.signal).then(
        (part) => part.takeOnline(core),
        () => {},
      )
    if (isShared(database.log)) {
      const { createLayer, expectFollower } = await sharedPart.load(options.signal)
      core.layer = createLayer(core, snapshot.outbox)
      expectFollower(core)
    }
    await applyTail(core, snapshot.tail, options)
  } catch (error) {
    // Older code shows the rows that it understands, and says so. After any other error, rows would be missing.
    if (stateAfter(error) !== 'outdated') throw error
    opensOutdated(core, asError(error))
  }
  if (core.state === 'closed') throw core.error
  const { restored } = database.log ?? {}
  if (restored) core.copy = { ...core.copy, restored }
}

/** The snapshot and the tail. If the browser has lost a page, the rest without it. */
async function readStored(database: Database, { folds }: Core, { signal }: OpenOptions): Promise<Boot> {
  try {
    return await readBoot(database, folds)
  } catch (error) {
    if (!mayBeLost(error)) throw error
    const { openSnapshot } = await reserve.load(signal)
    return readBoot(database, folds, openSnapshot)
  }
}

/** Applies the tail that boot read, and what the log has behind it. */
async function applyTail(core: Core, tail: Boot['tail'], { signal, onProgress }: OpenOptions): Promise<void> {
  rebase(core, () => {
    for (const record of tail) applyCommit(core, record)
  })
  if (!core.behind || core.state !== 'ready') return
  const readOn = core.layer?.catchUp ?? catchUp
  await readOn(core, signal, (done) =>
    onProgress?.({ phase: 'catch-up', done, total: Math.max(done, ...core.persisted.values()) }),
  )
}

function opensOutdated(core: Core, error: Error): void {
  rebase(core, () => stop(core, 'outdated', error))
  // Or an app that removed an event while it is written shows old rows, or none, and nobody says why.
  if (__DEV__) console.warn(`tidemark: "${core.name}" opens outdated. ${error}`)
}

/** What was persisted: how far the rows are, which types the log has, which projections failed. */
function takeSnapshot(core: Core, { log, checkpoints, types, from, behind }: Boot): void {
  const { folds, projections, persisted, stored, building } = core
  core.head = core.tip = from
  core.behind ||= behind
  for (const fold of folds) {
    const { sequence, failed } = checkpoints.get(fold.identity) ?? {}
    if (sequence) persisted.set(fold.identity, sequence)
    if (failed) fold.failed = new ProjectionFailed(fold.name, failed.sequence, fromWire(failed.error))
  }
  for (const fold of projections) {
    if (!persisted.get(fold.identity)) {
      persisted.set(fold.identity, 0)
      building.add(fold)
    }
    // Of a table on the disk: it is what the host says.
    if (!folds.includes(fold)) fold.sequence = Number.POSITIVE_INFINITY
  }
  for (const one of types) if (one) stored.add(typeKey(one.type, one.version))
  if (core.database) core.database.log = log
  core.logId = log?.id
}

/** Does what the state of the log asks for before its tail is applied. */
async function settle(core: Core, database: Database, boot: Boot, options: OpenOptions): Promise<void> {
  const { name, folds } = core
  const verdictOn = (log: LogIdentity): Verdict =>
    checkStored(name, log, boot.types, core.types, Math.min(...folds.map(({ sequence }) => sequence)))
  const lost: string[] = []
  let verdict = verdictOn(boot.log)
  if (verdict.is === 'damaged') throw verdict.error
  if (boot.discarded.length) {
    // Before anything is appended: another event may take the number that they are at.
    await (await reserve.load(options.signal)).discardPages(database, boot.discarded)
    const pages = boot.discarded.map(({ identity }) => identity)
    lost.push(`The pages of ${pages} were damaged: they are folded again from the log.`)
  }
  if (verdict.is === 'unlooked') {
    const { log, reason } = await restoreLog(core, database, options)
    if (reason) lost.push(reason)
    verdict = verdictOn(log)
  }
  if (database.dataLoss)
    lost.unshift(`The browser lost the database of "${name}" (${database.dataLoss}) and made a new one.`)
  if (lost.length) core.error = new StorageError('lost', lost.join(' '))
  if (verdict.is === 'outdated') opensOutdated(core, verdict.error)
  if (verdict.is === 'on a base') await (await reserve.load(options.signal)).standOnBase(core)
}

/** A new database: its log comes from the second copy, or begins. */
async function restoreLog(core: Core, database: Database, options: OpenOptions): Promise<Restored> {
  const { mirror = true, signal, onProgress, remote } = options
  const progress = (done: number, total: number): void => onProgress?.({ phase: 'restore', done, total })
  const restored = await restore(database, mirror, !!remote, signal, progress)
  core.logId = restored.log.id
  // Another tab may have restored it.
  core.behind = true
  return restored
}

/**
 * Takes lock, host and the rest after the caller's first paint. The code for emergencies follows after the visit's first work,
 * however long it takes to load. Nothing waits for it.
 */
function appearLater(core: Core, options: OpenOptions): void {
  const booted = core.head
  setTimeout(() => {
    if (core.ended.aborted) return
    appear(core, options, booted)
    withReactions(core, options, (part) => part.followReactions(core))
    visitIsDone(core)
      .then(() => keepLoading(core, reserve))
      .catch(() => {})
  })
}
