import { StorageError } from '../../errors.ts'
import { type CommitRecord, eventsOf } from '../../log/commit.ts'
import { type Database, numberKeyOf } from '../../log/database.ts'
import { readAfter } from '../../log/read.ts'
import { seal } from '../../log/seal.ts'
import type { AnyRecordedEvent } from '../../model/events.ts'
import { createFold, type Fold, foldCommit } from '../../model/fold.ts'
import { loadBases } from '../../projections/base.ts'
import { createBreather } from '../../slices.ts'
import type { Core } from '../core.ts'
import type { Engine } from '../types.ts'
import { type ArchiveFile, archiveFileOf } from './archiveFile.ts'
import { openCore, type Watch } from './openCore.ts'
import { replaceByBases } from './replaceByBases.ts'
import { runAlone } from './runAlone.ts'
import { waitForReactions } from './waitForReactions.ts'

/** The second argument of `archive`. */
export interface ArchiveOptions extends Watch {
  /** A sequence, or a date: events before it are moved. */
  readonly before: number | Date
}

/**
 * Moves the events before a sequence, or a date, out of the log into a file; projections go on from a base of rows.
 * @example
 * ```ts
 * const file = await archive(engine, { before: new Date('2025-01-01') })
 * await file.pipeTo(await handle.createWritable())
 * await file.forget()
 * ```
 *
 * No other tab may have the log open: `StorageError('unavailable')` names the others, or says that there are no Web Locks. It takes fewer
 * events if a sealed segment would have to be split, or if a reaction has not looked at an event yet. Rows have to be JSON (`InvalidData`
 * names the projection), and no projection may be failed (`ProjectionFailed`). Command ids stay known. A later projection version needs the
 * whole log: it is failed until `importLog` makes a new log from the archive files and an export. The moved events stay stored until you
 * call `forget` on a file that holds them, because only you know that the file is saved. Until then, the file of the next call begins with
 * them. If it rejects, the log is as it was, except for `StorageError('unknown')`: then the outcome could not be read, and the next call
 * gives the file.
 */
export async function archive(
  engine: Engine<any, any, any>,
  { before, signal, onProgress }: ArchiveOptions,
): Promise<ArchiveFile> {
  const core = openCore(engine)
  const { database } = core
  if (Number.isNaN(Number(before)))
    throw new RangeError(`archive: before is a sequence or a date, not ${String(before)}`)
  if (!database)
    throw new StorageError(
      'unavailable',
      `archive: the log of "${core.name}" is in memory. Archive a log that is stored`,
    )
  if (core.state !== 'ready') throw core.error
  for (const { failed } of core.folds) if (failed) throw failed
  await engine.projected(undefined, signal ? { signal } : {})
  const wanted = before instanceof Date ? await lastBefore(core, database, before.getTime(), signal) : before - 1
  const limit = await waitForReactions(core, database, Math.min(wanted, core.head), signal)
  await runAlone(core, signal, async (assertAlone) => {
    const base = await sealUpTo(database, limit, signal)
    if (base <= (database.log?.base ?? 0)) return
    const progress = (done: number): void => onProgress?.({ phase: 'archive', done, total: base })
    const { folds, commit } = await foldUpTo(core, database, base, signal, progress)
    await assertAlone()
    signal?.throwIfAborted()
    const was = core.logId
    const log = await replaceByBases(database, { base, commit }, folds)
    core.logId = log.id
    core.channel?.post({ log: was, head: base, adopted: log })
  })
  return archiveFileOf(database)
}

/** Seals the events up to `limit`. Returns the last event of the newest segment that ends there or before. */
async function sealUpTo(database: Database, limit: number, signal: AbortSignal | undefined): Promise<number> {
  while (await seal(database, limit, undefined, true)) signal?.throwIfAborted()
  const newest = await database.transact(['segments'], 'readonly', (store) =>
    store('segments').openKeyCursor(IDBKeyRange.upperBound(limit), 'prev'),
  )
  return numberKeyOf(newest)
}

/** The sequence before the first event that is not older than `time`. */
async function lastBefore(
  core: Core,
  database: Database,
  time: number,
  signal: AbortSignal | undefined,
): Promise<number> {
  for await (const { events } of commitsFrom(core, database, signal)) {
    const late = events.find(({ at }) => at >= time)
    if (late) return late.sequence - 1
  }
  return core.head
}

/** Folds every projection of the model up to that event. */
async function foldUpTo(
  core: Core,
  database: Database,
  base: number,
  signal: AbortSignal | undefined,
  progress: (done: number) => void,
): Promise<{ folds: Fold[]; commit: string }> {
  const { model, types } = core
  const folds = Object.entries(model.projections).map(([name, definition]) => createFold(name, definition, types))
  await loadBases(database, folds)
  let commit = ''
  for await (const { record, events } of commitsFrom(core, database, signal)) {
    if (record.last > base) break
    commit = record.id
    for (const fold of folds) {
      foldCommit(fold, record, events, [])
      if (fold.failed) throw fold.failed
    }
    progress(record.last)
  }
  return { folds, commit }
}

/** Reads the log from its base on, in slices. */
async function* commitsFrom(
  { types }: Core,
  database: Database,
  signal: AbortSignal | undefined,
): AsyncGenerator<{ readonly record: CommitRecord; readonly events: readonly AnyRecordedEvent[] }, void> {
  const breather = createBreather(signal)
  for await (const records of readAfter(database, database.log?.base ?? 0, signal)) {
    for (const record of records) {
      yield { record, events: eventsOf(record, types) }
      if (breather.isDue) await breather.rest()
    }
  }
}
