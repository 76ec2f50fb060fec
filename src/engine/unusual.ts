import { OutdatedCodeError, ProjectionFailed, StorageError } from '../errors.ts'
import { headOf } from '../log/look.ts'
import { fromWire } from '../log/wire.ts'
import { onDiskFolds } from '../model/model.ts'
import { discardPages } from '../projections/discard.ts'
import type { Snapshot } from '../projections/snapshot.ts'
import type { Core } from './core.ts'
import { standOnBase } from './standOnBase.ts'
import { stop } from './tab.ts'
import type { OpenOptions } from './types.ts'

/** What few boots meet: a new database, a newer build's events, failed projections, damaged pages, nothing to fold. */
export async function unusual(
  core: Core,
  { log, checkpoints, types, discarded }: Snapshot,
  { mirror = true, onProgress, signal }: OpenOptions,
): Promise<void> {
  const { folds, database, name, persisted } = core
  if (!(typeof log?.id === 'string' && Number.isInteger(log.format))) throw damaged(name, 'meta', log)
  const strange = types.findIndex((one) => !(typeof one?.type === 'string' && Number.isInteger(one.version)))
  if (strange >= 0) throw damaged(name, 'types', types[strange])
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
  const lost: string[] = []
  if (database?.dataLoss)
    lost.push(`The browser lost the database of "${name}" (${database.dataLoss}) and made a new one.`)
  if (database && !log.format) {
    const { restore } = await import('../copies/restore.ts')
    const { log, reason } = await restore(database, mirror, signal, (done, total) =>
      onProgress?.({ phase: 'restore', done, total }),
    )
    core.logId = log.id
    if (log.restored) core.copy = { ...core.copy, restored: log.restored }
    // Whoever waited for another tab's restore finds a log, too.
    core.behind = true
    if (reason) lost.push(reason)
  }
  if (lost.length) core.error = new StorageError('lost', lost.join(' '))
  // Before the first fold: a newer build's worker may have persisted rows of events that this code does not know (rule 17).
  const unknown = types.find(({ type, version }) => !core.types.knows(type, version))
  if (unknown) stop(core, 'outdated', new OutdatedCodeError(unknown.type, unknown.version))
  else if (!(log.format <= 2)) stop(core, 'outdated', new OutdatedCodeError('log format', log.format))
  // Or an app that removed an event while it is written shows old rows, or none, and nobody says why.
  if (__DEV__ && core.state === 'outdated') console.warn(`tidemark: "${core.name}" opens outdated. ${core.error}`)
  if (log.base && folds.length && core.state === 'ready') await standOnBase(core)
  if (!folds.length && database) {
    core.head = core.tip = await headOf(database)
    core.behind = false
  }
}

/** What says which log this is, or which events stand in it, can't be derived from anything else: it is left as it was found. */
function damaged(name: string, store: 'meta' | 'types', found: unknown): StorageError {
  const shown = typeof found === 'object' && found ? 'an object with other properties' : String(found).slice(0, 100)
  return new StorageError(
    'unavailable',
    `"tidemark:${name}" is damaged or another program's: its store "${store}" holds ${shown}. Nothing was changed. ` +
      'Open another name, or delete that database: it comes back from its second copy where one stands.',
  )
}
