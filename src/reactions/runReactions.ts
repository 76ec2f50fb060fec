import { sleep } from '../async.ts'
import { mirrorReactions } from '../copies/reactions.ts'
import { stateAfter } from '../engine/afterwards.ts'
import type { ReactionPlace } from '../engine/reactions.ts'
import { openWorkerEngine } from '../engine/workerEngine.ts'
import { EngineClosed, StorageError } from '../errors.ts'
import { readIdentity } from '../log/database.ts'
import { isShared } from '../log/local.ts'
import { toWire } from '../log/wire.ts'
import type { Workshop } from '../projections/workshop.ts'
import { createBackoff } from '../queue.ts'
import { type Declared, stoppedReport } from './activeReaction.ts'
import { definitionsIn } from './definitions.ts'
import { holdReactions } from './holdReactions.ts'
import { type BesideEngine, placeBeside, placeInMemory } from './place.ts'
import { openSharedEngine } from './sharedEngine.ts'

/** Milliseconds before a failed holder tries again, doubled up to the maximum. */
const HOLD_AGAIN_MIN_MS = 1000
const HOLD_AGAIN_MAX_MS = 30_000

/** Runs reactions until their pipeline or page is gone. */
export function runReactions(reactions: object, place: ReactionPlace): void {
  const { beside, booted } = place
  const declared = definitionsIn(reactions)
  if ('ended' in beside) holdReactions(placeInMemory(beside, place), declared, booted).catch(() => {})
  else void runBeside(beside, declared, place)
}

/** Each log has one holder per browser. The others wait until it is gone. */
async function runBeside(shop: Workshop, declared: Declared, place: ReactionPlace): Promise<void> {
  const { closing } = shop
  shop.separateFile = mirrorReactions(shop.database)
  const backoff = createBackoff(HOLD_AGAIN_MIN_MS, HOLD_AGAIN_MAX_MS)
  while (!closing.aborted) {
    try {
      const engine = await waitForEngine(shop, declared)
      try {
        await holdReactions(placeBeside(place, shop, engine), declared, place.booted)
      } finally {
        // Code that stops releases the lock.
        await engine.close()
      }
    } catch (error) {
      if (closing.aborted) return
      // The lock was stolen, or a newer build wants it: this holder queues again.
      const isNext = error instanceof EngineClosed && error.reason === 'closed'
      if (isNext) backoff.reset()
      if (!isNext) {
        const report = stoppedReport(toWire(error))
        shop.post({ reactions: Object.fromEntries(declared.map(([name]) => [name, report])), scanned: 0 })
        if (stateAfter(error)) return
      }
    }
    await sleep(backoff.next(), closing).catch(() => {})
  }
}

/** Waits until this is the only engine beside a pipeline, and tells the present holder which versions are waiting. */
async function waitForEngine(shop: Workshop, declared: Declared): Promise<BesideEngine> {
  const { database } = shop
  const log = await readIdentity(database)
  if (!database.hasNewer) throw new StorageError('unavailable', withoutStore(database.name))
  const wanted = Object.fromEntries(declared.map(([name, { version = 1 }]) => [name, version]))
  const channel = shop.channel.share((hint) => {
    // A holder that has just started may be of an older build, too.
    if ('reactions' in hint) channel.post({ log: hint.log, wanted })
  })
  channel.post({ log: log?.id ?? '', wanted })
  try {
    return await (isShared(log) ? openSharedEngine(shop) : openWorkerEngine(shop))
  } finally {
    channel.close()
  }
}

const withoutStore = (name: string): string =>
  `The database of "${name}" is of an older build and has no place for reactions. Export the log and import it under another name.`
