import { sleep } from '../async.ts'
import { stateAfter } from '../engine/afterwards.ts'
import type { Core } from '../engine/core.ts'
import type { ReactionPlace } from '../engine/reactions.ts'
import { openWorkerEngine } from '../engine/workerEngine.ts'
import { EngineClosed, StorageError } from '../errors.ts'
import { hasNewerStores, readIdentity } from '../log/database.ts'
import { isShared } from '../log/local.ts'
import type { Workshop } from '../projections/workshop.ts'
import { createBackoff } from '../queue.ts'
import { definitionsIn } from './definitions.ts'
import { holdReactions } from './holdReactions.ts'
import { placeBeside, placeInMemory } from './place.ts'
import { stoppedReports } from './report.ts'

/** Milliseconds before this is the holder again after it failed, doubled up to the maximum. */
const RETRY_MIN_MS = 1000
const RETRY_MAX_MS = 30_000

/** Runs reactions until their place is gone. */
export function runReactions(reactions: object, { beside, booted }: ReactionPlace): void {
  const declared = definitionsIn(reactions)
  if (isCore(beside)) holdReactions(placeInMemory(beside), declared, booted).catch(() => {})
  else void runBeside(beside, declared, booted)
}

const isCore = (beside: ReactionPlace['beside']): beside is Core => 'ended' in beside

/** One holder for each log and browser; the others wait until it has gone. */
async function runBeside(shop: Workshop, declared: ReturnType<typeof definitionsIn>, booted: number): Promise<void> {
  const { closing, database } = shop
  const backoff = createBackoff(RETRY_MIN_MS, RETRY_MAX_MS)
  while (!closing.aborted) {
    try {
      const log = await readIdentity(database)
      if (isShared(log)) throw new StorageError('unavailable', onSharedLog(database.name))
      if (!hasNewerStores(database)) throw new StorageError('unavailable', withoutStore(database.name))
      const engine = await openWorkerEngine(shop)
      backoff.reset()
      try {
        await holdReactions(placeBeside(shop, engine), declared, booted)
      } finally {
        // Code that stops lets the lock go.
        await engine.close()
      }
    } catch (error) {
      if (closing.aborted) return
      const isOver = error instanceof EngineClosed
      if (!isOver) shop.post({ reactions: stoppedReports(declared, error), scanned: 0 })
      if (stateAfter(error) && !(isOver && error.reason === 'closed')) return
    }
    await sleep(backoff.next(), closing).catch(() => {})
  }
}

const withoutStore = (name: string): string =>
  `The database of "${name}" is of an older build and has no place for reactions. Export the log and import it under another name.`

const onSharedLog = (name: string): string =>
  `"${name}" has a remote, and reactions do not run on such a log yet. Its events are kept.`
