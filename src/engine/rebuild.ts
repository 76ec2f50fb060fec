import { aborting } from '../async.ts'
import { ModelError } from '../errors.ts'
import { randomId } from '../ids.ts'
import { eventsOf } from '../log/commit.ts'
import { createFold, type Fold, foldCommit } from '../model/fold.ts'
import { loadBases } from '../projections/base.ts'
import { createBreather } from '../slices.ts'
import { isOnDisk, noteCheckpoints } from './checkpoints.ts'
import type { Core, Rebuild } from './core.ts'
import { rebase } from './tab.ts'
import type { Progress } from './types.ts'

interface RebuildOptions {
  readonly projections?: readonly string[] | undefined
  readonly signal?: AbortSignal | undefined
  readonly onProgress?: ((progress: Progress) => void) | undefined
}

/**
 * Folds the log again, beside the old pages. The host does it, by `rebuildTracks` (projections/rebuild.ts). This tab's
 * own folds are replaced only if they had failed. Calls for the same projections share one rebuild. It is cancelled when
 * every caller has given up.
 */
export async function rebuild(core: Core, { projections, signal, onProgress }: RebuildOptions): Promise<void> {
  signal?.throwIfAborted()
  if (core.state === 'closed') throw core.error
  const unknown = projections?.find((name) => !Object.hasOwn(core.model.projections, name))
  if (unknown !== undefined) throw new ModelError(`rebuild: there is no projection "${unknown}"`)
  const names = [...new Set(projections ?? Object.keys(core.model.projections))].sort()
  let lastProgress: Progress | undefined
  const forget = core.listeners.add(() => {
    const progress = core.progress.get(names[0] ?? '')
    if (!progress || progress === lastProgress) return
    lastProgress = progress
    onProgress?.(progress)
  })
  const key = JSON.stringify(names)
  const shared = core.rebuilds.get(key) ?? startRebuild(core, key, names)
  shared.callers++
  try {
    onProgress?.({ phase: 'rebuild', done: 0, total: core.head })
    await aborting(shared.done, signal)
    onProgress?.({ phase: 'rebuild', done: core.head, total: core.head })
  } finally {
    forget()
    if (!--shared.callers) {
      shared.cancelled.abort()
      forgetRebuild(core, key, shared)
    }
  }
}

function forgetRebuild({ rebuilds }: Core, key: string, rebuild: Rebuild): void {
  if (rebuilds.get(key) === rebuild) rebuilds.delete(key)
}

function startRebuild(core: Core, key: string, names: readonly string[]): Rebuild {
  const cancelled = new AbortController()
  const rebuild: Rebuild = { callers: 0, cancelled, done: foldLog(core, names, cancelled.signal) }
  core.rebuilds.set(key, rebuild)
  const over = (): void => forgetRebuild(core, key, rebuild)
  rebuild.done.then(over, over)
  return rebuild
}

/** Rebuilds the persisted rows in the host, and then those folds of this tab that had failed. */
async function foldLog(core: Core, names: readonly string[], signal: AbortSignal): Promise<void> {
  const failed = core.folds.filter(({ failed, name }) => failed && names.includes(name))
  if (core.database) await inHost(core, names, signal)
  if (failed.length) await foldAgain(core, failed, signal)
}

/** Waits until a host is connected, and lets it rebuild. */
async function inHost(core: Core, names: readonly string[], signal: AbortSignal): Promise<void> {
  const id = randomId()
  while (!core.host) {
    if (core.state === 'closed') throw core.error
    await aborting(core.nextChange(), signal)
  }
  const { host } = core
  const cancel = (): void => void host.cancel(id).catch(() => {})
  signal.addEventListener('abort', cancel)
  try {
    await aborting(host.rebuild(id, names), signal)
    if (core.projections.some(isOnDisk)) noteCheckpoints(core, await aborting(host.flush(), signal))
  } finally {
    signal.removeEventListener('abort', cancel)
  }
}

/** Folds the log again into the tab's failed folds, because newer code may be able to fold the event that failed. */
async function foldAgain(core: Core, failed: readonly Fold[], signal: AbortSignal | undefined): Promise<void> {
  const fresh = failed.map(({ name, definition }) => createFold(name, definition, core.types))
  const { database } = core
  if (database) await loadBases(database, fresh)
  const breather = createBreather(signal)
  for await (const records of core.log.readAfter(database?.log?.base ?? 0, signal)) {
    for (const record of records) {
      if (record.last > core.head) break
      const events = eventsOf(record, core.types)
      for (const fold of fresh) foldCommit(fold, record, events, [])
      await breather.rest()
    }
  }
  rebase(core, () => {
    for (const [i, fold] of failed.entries()) {
      const made = fresh[i]
      // The old fold stays if the new one failed too, or if it ended before a commit that came meanwhile.
      if (!made || made.failed || made.sequence !== core.head) continue
      // `rebase` puts the local commands on again, also in this fold.
      core.layer?.takeBack()
      fold.clear()
      const slots = [...made.slots]
      fold.load(
        slots.map(({ row }) => row),
        (at) => slots[at]?.n ?? 0,
      )
      fold.next = made.next
      fold.sequence = made.sequence
    }
  })
}
