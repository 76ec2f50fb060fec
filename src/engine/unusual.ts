import { OutdatedCodeError, ProjectionFailed, StorageError } from '../errors.ts'
import { headOf } from '../log/look.ts'
import { fromWire } from '../log/wire.ts'
import { onDiskFolds } from '../model/onDiskFolds.ts'
import { discardPages } from '../projections/discard.ts'
import type { Snapshot } from '../projections/snapshot.ts'
import type { Core } from './core.ts'
import { standOnBase } from './standOnBase.ts'
import { stop } from './tab.ts'

/** What few boots meet: a newer build's events, failed projections, damaged pages, a lost database, nothing to fold. */
export async function unusual(core: Core, { log, checkpoints, types, discarded }: Snapshot): Promise<void> {
  const { folds, database, name, persisted } = core
  const onDisk = onDiskFolds(core.model)
  core.projections = [...folds, ...onDisk]
  for (const fold of onDisk) {
    fold.sequence = Number.POSITIVE_INFINITY
    persisted.set(fold.identity, 0)
  }
  for (const fold of folds) {
    const failed = checkpoints.get(fold.identity)?.failed
    if (failed) fold.failed = new ProjectionFailed(fold.name, failed.sequence, fromWire(failed.error))
  }
  if (database && discarded.length) {
    // Before anything is appended: another event may take the number that they stand at.
    await discardPages(database, discarded)
    const pages = discarded.map(({ identity }) => identity)
    core.error = new StorageError('lost', `The pages of ${pages} were damaged: they are folded again from the log.`)
  }
  if (database?.dataLoss)
    core.error = new StorageError(
      'lost',
      `The browser lost the database of "${name}" (${database.dataLoss}) and made a new one.`,
    )
  // Before the first fold: a newer build's worker may have persisted rows of events that this code does not know (rule 17).
  const unknown = types.find(({ type, version }) => !core.types.knows(type, version))
  if (unknown) stop(core, 'outdated', new OutdatedCodeError(unknown.type, unknown.version))
  else if (log.format !== 1) stop(core, 'outdated', new OutdatedCodeError('log format', log.format))
  if (log.base && folds.length && core.state === 'ready') await standOnBase(core)
  if (!folds.length && database) {
    core.head = core.tip = await headOf(database)
    core.behind = false
  }
}
