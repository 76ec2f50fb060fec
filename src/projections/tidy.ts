import { seal } from '../log/seal.ts'
import { createFolds, onDiskFolds } from '../model/model.ts'
import type { Workshop } from './pipeline.ts'
import { hold, holdName, sweep } from './sweep.ts'

/** Milliseconds of quiet before sealing and sweeping, and between two slices of it. */
const QUIET = 1000
const SLICE = 50
/** Newest events that stay unsealed, so that a tab a little behind reads commits. */
const UNSEALED = 2048

/** Milliseconds between two sweeps. */
const SWEEP = 60_000

interface Tidying {
  /** Identities that this pipeline keeps. */
  readonly mine: readonly string[]
  timer: ReturnType<typeof setTimeout> | undefined
  swept: number
  readonly builds: Map<string, number>
}
const known = new WeakMap<Workshop, Tidying>()

/** Seals what is old enough, and sweeps what nobody uses, once nobody has asked for a while. */
export function tidyLater(shop: Workshop, delay: number = QUIET): void {
  const { closing } = shop
  if (closing.aborted) return
  const tidying = known.get(shop) ?? begin(shop)
  clearTimeout(tidying.timer)
  const timer = setTimeout(async () => {
    // Whoever could not now, for whatever reason, tries again after the next events.
    if ((await tidy(shop, tidying).catch(() => false)) && tidying.timer === timer) tidyLater(shop, SLICE)
  }, delay)
  tidying.timer = timer
}

function begin(shop: Workshop): Tidying {
  const { closing, database, model } = shop
  const mine = [...createFolds(model), ...onDiskFolds(model)].map(({ identity }) => identity)
  const tidying: Tidying = { mine, timer: undefined, swept: Number.NEGATIVE_INFINITY, builds: new Map() }
  known.set(shop, tidying)
  closing.addEventListener('abort', () => clearTimeout(tidying.timer))
  hold(
    mine.map((identity) => holdName(database.name, identity)),
    closing,
  )
  return tidying
}

/** Says whether there is more to do. */
async function tidy(shop: Workshop, tidying: Tidying): Promise<boolean> {
  const { database, tracks = [] } = shop
  // At or below the lowest checkpoint; a failed projection keeps nothing from being sealed (rule 11).
  const stored = tracks.flatMap(({ fold, stored = 0 }) => (fold.failed ? [] : stored))
  stored.push(...((await shop.tables)?.stored() ?? []))
  const limit = Math.min(...stored) - UNSEALED
  if (stored.length > 0 && limit > 0 && (await seal(database, limit))) {
    shop.mirror?.told()
    return true
  }
  const now = performance.now()
  if (now - tidying.swept > SWEEP) {
    tidying.swept = now
    await sweep(database, tidying.mine, tidying.builds)
  }
  return false
}
