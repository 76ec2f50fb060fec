import { sleep } from '../async.ts'
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

/** `server`: the error that rejects every dispatch on a server, where nothing is stored. */
export interface BootOptions extends OpenOptions {
  readonly server?: StorageError | undefined
}

/**
 * Opens one log: listens to the channel, reads the snapshot in one transaction (`readBoot`), applies the tail. Resolves
 * at the head that the log had at the call, or rejects with a typed error. Never waits for the worker.
 */
export async function boot(model: AnyModel, name: string, options: BootOptions): Promise<Core> {
  const { storage, signal } = options
  const blocked = (): void => options.onProgress?.({ phase: 'blocked', done: 0, total: 1 })
  // Started first: the browser opens the database while this page creates the folds.
  const opening = storage ? undefined : openDatabase(name, true, blocked, signal)
  // Chromium begins to open only in a later task of this page, when it knows that the page may store data.
  if (opening) await Promise.race([opening.catch(asError), sleep(0)])
  const core = createCore(model, name, !storage, reserve.load)
  options.observe?.(core)
  if (options.reactions) core.reactions = {}
  try {
    if (opening) {
      core.channel = openChannel(name, (hint) => takeHint(core, hint))
      const database = await opening
      database.rescue = async (record) => (await reserve.load()).rescue(database, record)
      core.database = database
      core.log = createLog(database, reserve.load)
      signal?.throwIfAborted()
      await readDatabase(core, core.database, options)
      signal?.throwIfAborted()
      if (options.reactions && database.hasNewer) core.first = noteBooted(core.head)
      // A service worker has no first paint to wait for, and it can load code only while it starts.
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
    // Code that got the core from `options.observe` reads the error there.
    core.error = asError(error)
    await core.end(new EngineClosed('closed'))
    throw error
  }
  return core
}

/** Reads the snapshot, checks it, and applies the commits after it. */
async function readDatabase(core: Core, database: Database, options: OpenOptions): Promise<void> {
  const { onProgress } = options
  onProgress?.({ phase: 'snapshot', done: 0, total: 1 })
  const snapshot = await readStored(database, core, options)
  onProgress?.({ phase: 'snapshot', done: 1, total: 1 })
  takeSnapshot(core, snapshot)
  await settle(core, database, snapshot, options)
  try {
    // If this part can't be loaded, the log opens without going online.
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
    // Outdated code shows the rows up to the first event that it does not know. Any other error ends the boot, because
    // rows would be missing without a reason.
    if (stateAfter(error) !== 'outdated') throw error
    opensOutdated(core, asError(error))
  }
  if (core.state === 'closed') throw core.error
  const { restored } = database.log ?? {}
  if (restored) core.copy = { ...core.copy, restored }
}

/** Reads the snapshot and the tail. If the browser has lost a page, reads the rest without it. */
async function readStored(database: Database, { folds }: Core, { signal }: OpenOptions): Promise<Boot> {
  try {
    return await readBoot(database, folds)
  } catch (error) {
    if (!mayBeLost(error)) throw error
    const { openSnapshot } = await reserve.load(signal)
    return readBoot(database, folds, openSnapshot)
  }
}

/** Applies the tail that boot read, and then the rest of the log. */
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

/** Opens with the rows that were read, in a state that takes no commands. */
function opensOutdated(core: Core, error: Error): void {
  rebase(core, () => stop(core, 'outdated', error))
  // A developer who removed an event from the model would otherwise see old rows, or none, without a reason.
  if (__DEV__) console.warn(`tidemark: "${core.name}" opens outdated. ${error}`)
}

/**
 * Takes over what was read: the checkpoints, the event types of the log, the projections that failed. The rows are in
 * the folds already: `readBoot` loaded them.
 */
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
    // A tab does not fold on-disk tables. Their state is what the host reports.
    if (!folds.includes(fold)) fold.sequence = Number.POSITIVE_INFINITY
  }
  for (const one of types) if (one) stored.add(typeKey(one.type, one.version))
  if (core.database) core.database.log = log
  core.logId = log?.id
}

/** Checks the stored log before its tail is applied: discards damaged pages, restores a lost log, starts at a base. */
async function settle(core: Core, database: Database, boot: Boot, options: OpenOptions): Promise<void> {
  const { name, folds } = core
  const verdictOn = (log: LogIdentity): Verdict =>
    checkStored(name, log, boot.types, core.types, Math.min(...folds.map(({ sequence }) => sequence)))
  const lost: string[] = []
  let verdict = verdictOn(boot.log)
  if (verdict.is === 'damaged') throw verdict.error
  if (boot.discarded.length) {
    // Done before anything is appended. Otherwise the log could grow up to the sequence of a damaged checkpoint, which
    // would then look valid.
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

/** Fills a new database: restores the log from its mirror, or begins a new log. */
async function restoreLog(core: Core, database: Database, options: OpenOptions): Promise<Restored> {
  const { mirror = true, signal, onProgress, remote } = options
  const progress = (done: number, total: number): void => onProgress?.({ phase: 'restore', done, total })
  const restored = await restore(database, mirror, !!remote, signal, progress)
  core.logId = restored.log.id
  // Another tab may have restored it, so there may be commits to read.
  core.behind = true
  return restored
}

/**
 * Takes the lock and connects the host (the worker, or this page) after the caller's first paint. Loads the code for
 * emergencies after the first work of the visit. Nothing waits for either.
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
