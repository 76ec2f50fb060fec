import { InvalidData, StorageError } from '../../errors.ts'
import { randomId } from '../../ids.ts'
import { archivedSegment, type Chunk } from '../../log/chunk.ts'
import { type Database, type LogIdentity, readIdentity } from '../../log/database.ts'
import { isShared } from '../../log/local.ts'
import type { SegmentRecord } from '../../log/stores.ts'
import type { Fold } from '../../model/fold.ts'
import { makeBase } from '../../projections/base.ts'
import { deletePages } from '../../projections/discard.ts'
import { pastOf } from '../../projections/past.ts'

/** Puts bases in the place of the archived segments and gives the log a new id, in one transaction. */
export async function replaceByBases(
  database: Database,
  at: { readonly base: number; readonly commit: string },
  folds: readonly Fold[],
): Promise<LogIdentity> {
  const { base } = at
  const { was: _, ...before } = database.log!
  const log: LogIdentity = { ...before, id: randomId(), format: isShared(before) ? 4 : 2, ...at }
  const made: { chunk: Chunk; record: SegmentRecord; identity: string }[] = []
  for (const fold of folds) {
    const chunk = await makeBase(log, fold).catch((error: InvalidData) => {
      const { message, path } = error
      throw new InvalidData(`archive: a row of projection "${fold.name}" would not survive: ${message}`, path, error)
    })
    const { first, last, codec, checksum } = chunk.header
    made.push({ chunk, identity: fold.identity, record: { first, last, codec, checksum, body: randomId() } })
  }
  let isMoved = false
  try {
    await database.transact(
      ['meta', 'segments', 'bodies', 'bases', 'checkpoints', 'pages', 'rowEvents'],
      'readwrite',
      (store) => {
        const found = store('meta').get('log')
        const builds = store('meta').get('builds')
        const leftover = store('meta').get('archived')
        const old = store('bases').getAll()
        const checkpoints = store('checkpoints').getAll()
        const taken = store('segments').getAll(IDBKeyRange.upperBound(base))
        taken.onsuccess = () => {
          isMoved = found.result?.id === before.id
          if (!isMoved) return
          const segments = taken.result.filter(({ codec }) => codec !== 'archived')
          store('meta').put([...(leftover.result ?? []), ...segments], 'archived')
          store('segments').delete(IDBKeyRange.upperBound(base))
          store('segments').put(archivedSegment(base), base)
          for (const { body } of old.result) store('bodies').delete(body)
          store('bases').clear()
          for (const { identity, record, chunk } of made) {
            store('bases').put(record, identity)
            store('bodies').put(chunk.bytes, record.body)
          }
          // Deletes other versions and unfinished builds: no engine uses them now, and without the events they could not be continued.
          for (const { identity, build } of checkpoints.result) {
            if (folds.every((fold) => fold.identity !== identity) || (builds.result?.[identity] ?? '') !== build)
              deletePages(store, identity, build)
            // No view of the past begins at rows from before the base any more.
            else store('rowEvents').delete(pastOf(identity, build, base))
          }
          store('meta').put(log, 'log')
        }
      },
      'strict',
    )
  } catch (error) {
    // The transaction may have completed although its answer was lost.
    const found = await readIdentity(database).catch(() => {
      throw new StorageError('unknown', `archive: whether the log was moved could not be read: ${error}`, error)
    })
    isMoved = found?.id === log.id
    if (!isMoved) throw error
  }
  if (!isMoved)
    throw new StorageError(
      'aborted',
      'archive: another tab has archived this log meanwhile, and nothing was removed here. Archive again if that is not enough',
    )
  database.log = log
  return log
}
