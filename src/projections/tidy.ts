import { seal } from '../log/seal.ts'
import type { Workshop } from './pipeline.ts'

/** Milliseconds of quiet before sealing and sweeping, and between two slices of it. */
const QUIET = 1000
const SLICE = 50
/** Newest events that stay unsealed, so that a tab a little behind reads commits. */
const UNSEALED = 2048

const timers = new WeakMap<Workshop, ReturnType<typeof setTimeout>>()

/** Seals what is old enough once nobody has asked for a while. */
export function tidyLater(shop: Workshop, delay: number = QUIET): void {
  clearTimeout(timers.get(shop))
  const { closing } = shop
  if (closing.aborted) return
  if (!timers.has(shop)) closing.addEventListener('abort', () => clearTimeout(timers.get(shop)))
  const timer = setTimeout(async () => {
    // Whoever could not now, for whatever reason, tries again after the next events.
    if ((await tidy(shop).catch(() => false)) && timers.get(shop) === timer) tidyLater(shop, SLICE)
  }, delay)
  timers.set(shop, timer)
}

/** Says whether there is more to do. */
async function tidy(shop: Workshop): Promise<boolean> {
  const { database, tracks = [] } = shop
  // At or below the lowest checkpoint; a failed projection keeps nothing from being sealed (rule 11).
  const stored = tracks.flatMap(({ fold, stored = 0 }) => (fold.failed ? [] : stored))
  stored.push(...((await shop.tables)?.stored() ?? []))
  const limit = Math.min(...stored) - UNSEALED
  const sealed = stored.length > 0 && limit > 0 && (await seal(database, limit))
  if (sealed) shop.mirror?.told()
  return sealed
}
