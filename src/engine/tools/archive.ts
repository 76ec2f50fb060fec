import { pause, SLICE_MS } from '../../async.ts'
import { endOf } from '../../copies/exportChunks.ts'
import { InvalidData, StorageError } from '../../errors.ts'
import { randomId } from '../../ids.ts'
import { lockName } from '../../locks.ts'
import { archivedSegment, type Chunk } from '../../log/chunk.ts'
import { eventsOf } from '../../log/commit.ts'
import { type Database, keyOf, type LogIdentity } from '../../log/database.ts'
import { readAfter } from '../../log/read.ts'
import { seal } from '../../log/seal.ts'
import { queueBody, sealedChunk } from '../../log/sealed.ts'
import type { SegmentRecord } from '../../log/stores.ts'
import { createFold, type Fold, foldCommit } from '../../model/fold.ts'
import { loadBases, makeBase } from '../../projections/base.ts'
import { deletePages } from '../../projections/discard.ts'
import type { Core } from '../core.ts'
import type { Engine } from '../types.ts'
import { streamOf } from './exportLog.ts'
import { inside, type Watch } from './inside.ts'

/** What an archive moved, as one file. */
export interface ArchiveFile extends ReadableStream<Uint8Array<ArrayBuffer>> {
  /** It is safe elsewhere: deletes what is stored here of it. Rejects with `StorageError('aborted')` before it was read to its end. */
  forget(): Promise<void>
}

/**
 * Moves the events before a sequence, or a date, out of the log into a file; projections go on from a base of rows.
 * @example
 * const file = await archive(engine, { before: new Date('2025-01-01') })
 * await file.pipeTo(await handle.createWritable())
 * await file.forget()
 *
 * It needs the log for itself: `StorageError('unavailable')` names who is in the way, or that there are no Web Locks. Where
 * a sealed segment would have to be split, less is taken. Rows have to be JSON (`InvalidData` names the projection), and no projection may be
 * failed (`ProjectionFailed`). Command ids stay known. A projection version that comes later needs the whole log: it is
 * failed until `importLog` makes that again, in a new log, from the archive files and an export. What was moved stays stored until `forget`
 * of a file that holds it, which only you can know to be saved: until then the next call's file begins with it.
 */
export async function archive(
  engine: Engine<any, any, any>,
  { before, signal, onProgress }: Watch & { readonly before: number | Date },
): Promise<ArchiveFile> {
  const core = inside(engine)
  const { database } = core
  if (!database) throw new StorageError('unavailable', 'a log in memory has nowhere to archive from')
  if (core.state !== 'ready') throw core.error
  for (const { failed } of core.folds) if (failed) throw failed
  await engine.projected(undefined, signal ? { signal } : {})
  await alone(core, async (inTheWay) => {
    const base = await sealUpTo(database, before, core, signal)
    if (base <= (database.log?.base ?? 0)) return
    const { folds, commit } = await foldUpTo(core, database, base, signal, (done) =>
      onProgress?.({ phase: 'archive', done, total: base }),
    )
    await inTheWay()
    signal?.throwIfAborted()
    const was = core.logId
    const log = await move(database, { base, commit }, folds)
    core.logId = log.id
    core.channel?.post({ log: was, head: base, adopted: log })
  })
  return fileOf(database)
}

/** Rule 12: nobody else may have the log open. Gives a look at who came meanwhile. */
async function alone(core: Core, task: (inTheWay: () => Promise<void>) => Promise<void>): Promise<void> {
  const { locks } = globalThis.navigator ?? {}
  if (!locks)
    throw new StorageError('unavailable', 'archive has to be alone, and without Web Locks it can not know that')
  const name = lockName('log', core.name)
  const refuse = (clients: readonly (LockInfo | undefined)[]): never => {
    const ids = clients.map((one) => one?.clientId).join(', ')
    throw new StorageError(
      'unavailable',
      `archive has to be alone: ${clients.length} more have "${core.name}" open (${ids})`,
    )
  }
  const inTheWay = async (): Promise<void> => {
    const { pending = [] } = await locks.query()
    const others = pending.filter((lock) => lock.name === name)
    if (others.length) refuse(others)
  }
  while (!core.stepAside && core.state === 'ready') await core.nextChange()
  await core.stepAside?.(() =>
    locks.request(name, { mode: 'exclusive', ifAvailable: true }, async (lock) => {
      if (lock) return task(inTheWay)
      const { held = [] } = await locks.query()
      refuse(held.filter((lock) => lock.name === name))
    }),
  )
}

/** Seals what is to go, and says where it ends: at a segment's end. */
async function sealUpTo(
  database: Database,
  before: number | Date,
  core: Core,
  signal: AbortSignal | undefined,
): Promise<number> {
  const limit =
    typeof before === 'number'
      ? Math.min(before - 1, core.head)
      : await lastBefore(database, before.getTime(), core, signal)
  while (await seal(database, limit, undefined, true));
  const newest = await database.transact(['segments'], 'readonly', (store) =>
    store('segments').openKeyCursor(IDBKeyRange.upperBound(limit), 'prev'),
  )
  return keyOf(newest)
}

/** Of the last event before the first that is not older. */
async function lastBefore(
  database: Database,
  time: number,
  core: Core,
  signal: AbortSignal | undefined,
): Promise<number> {
  for await (const records of readAfter(database, database.log?.base ?? 0, signal))
    for (const record of records) {
      const late = eventsOf(record, core.types).find(({ at }) => !(at < time))
      if (late) return late.sequence - 1
    }
  return core.head
}

/** Every projection of the model as it was after that event. */
async function foldUpTo(
  { model, types }: Core,
  database: Database,
  base: number,
  signal: AbortSignal | undefined,
  progress: (done: number) => void,
): Promise<{ folds: Fold[]; commit: string }> {
  const folds = Object.entries(model.projections).map(([name, definition]) => createFold(name, definition, types))
  await loadBases(database, folds)
  let commit = ''
  let until = performance.now() + SLICE_MS
  for await (const records of readAfter(database, database.log?.base ?? 0, signal)) {
    for (const record of records) {
      if (record.last > base) return { folds, commit }
      commit = record.id
      const events = eventsOf(record, types)
      for (const fold of folds) {
        foldCommit(fold, record, events, [])
        if (fold.failed) throw fold.failed
      }
      if (performance.now() < until) continue
      await pause()
      signal?.throwIfAborted()
      until = performance.now() + SLICE_MS
    }
    progress(Math.min(records.at(-1)?.last ?? 0, base))
  }
  return { folds, commit }
}

/** The one transaction: bases in, segments out, another log id. */
async function move(
  database: Database,
  at: { readonly base: number; readonly commit: string },
  folds: readonly Fold[],
): Promise<LogIdentity> {
  const { base } = at
  const { was: _, ...before } = database.log as LogIdentity
  const log: LogIdentity = { ...before, id: randomId(), format: 2, ...at }
  const made: { chunk: Chunk; record: SegmentRecord; identity: string }[] = []
  for (const fold of folds) {
    const chunk = await makeBase(log, fold).catch((error) => {
      const { message, path } = error as InvalidData
      throw new InvalidData(`archive: a row of projection "${fold.name}" would not survive: ${message}`, path, error)
    })
    const { first, last, codec, checksum } = chunk.header
    made.push({ chunk, identity: fold.identity, record: { first, last, codec, checksum, body: randomId() } })
  }
  let moved = false
  try {
    await database.transact(
      ['meta', 'segments', 'bodies', 'bases', 'checkpoints', 'pages', 'rowEvents'],
      'readwrite',
      (store) => {
        const found = store('meta').get('log')
        const builds = store('meta').get('builds')
        const left = store('meta').get('archived')
        const old = store('bases').getAll()
        const checkpoints = store('checkpoints').getAll()
        const taken = store('segments').getAll(IDBKeyRange.upperBound(base))
        taken.onsuccess = () => {
          moved = found.result?.id === before.id
          if (!moved) return
          const segments = taken.result.filter(({ codec }) => codec !== 'archived')
          store('meta').put([...(left.result ?? []), ...segments], 'archived')
          store('segments').delete(IDBKeyRange.upperBound(base))
          store('segments').put(archivedSegment(base), base)
          for (const { body } of old.result) store('bodies').delete(body)
          store('bases').clear()
          for (const { identity, record, chunk } of made) {
            store('bases').put(record, identity)
            store('bodies').put(chunk.bytes, record.body)
          }
          // Nobody else is here to hold other versions and unfinished builds, and they could not go on without the log.
          for (const { identity, build } of checkpoints.result)
            if (folds.every((fold) => fold.identity !== identity) || (builds.result?.[identity] ?? '') !== build)
              deletePages(store, identity, build)
          store('meta').put(log, 'log')
        }
      },
      'strict',
    )
  } catch (error) {
    // The answer may be lost, not the transaction.
    const found = await database
      .transact(['meta'], 'readonly', (store) => store('meta').get('log'))
      .catch(() => undefined)
    moved = found?.result?.id === log.id
    if (!moved) throw error
  }
  if (!moved) throw new StorageError('aborted', 'another archive was faster')
  return (database.log = log)
}

/** What was moved out and not forgotten yet. */
function fileOf(database: Database): ArchiveFile {
  let segments: readonly SegmentRecord[] | undefined

  async function* chunks(): AsyncGenerator<Chunk, void> {
    const left = await database.transact(['meta'], 'readonly', (store) => store('meta').get('archived'))
    const found = left.result ?? []
    const { id, lineage, base = 0 } = database.log as LogIdentity
    let last: Chunk | undefined
    for (const segment of found) {
      const body = await database.transact(['bodies'], 'readonly', (store) => queueBody(store, segment.body))
      yield (last = await sealedChunk(database, segment, body))
    }
    yield endOf(last?.header ?? { log: id, lineage, last: base }, found[0]?.first ?? base + 1)
    segments = found
  }

  async function forget(): Promise<void> {
    if (!segments) throw new StorageError('aborted', 'the archive was not read to its end')
    const bodies = new Set(segments.map(({ body }) => body))
    await database.transact(['meta', 'bodies'], 'readwrite', (store) => {
      const now = store('meta').get('archived')
      now.onsuccess = () => {
        const kept = (now.result ?? []).filter(({ body }) => !bodies.has(body))
        for (const body of bodies) store('bodies').delete(body)
        if (kept.length) store('meta').put(kept, 'archived')
        else store('meta').delete('archived')
      }
    })
  }

  return Object.assign(
    streamOf(chunks(), undefined, () => {}),
    { forget },
  )
}
