import { seal } from '../log/seal.ts'
import { createFolds, onDiskFolds } from '../model/model.ts'
import { hold, holdName } from './hold.ts'
import { sweepTables } from './sweep.ts'
import type { Workshop } from './workshop.ts'

/** Milliseconds of quiet before sealing and sweeping, and between two slices of it. */
const QUIET_MS = 1000
const TIDY_SLICE_MS = 50
/** The newest events stay unsealed, so that a tab that is a little behind can read commits. */
const UNSEALED = 2048

/** Milliseconds between two sweeps. */
const SWEEP_MS = 60_000

/** Seals old commits and sweeps unused rows, after a while without activity. */
export interface Tidying {
  /** Starts the wait again. */
  later(): void
}

export function createTidying(shop: Workshop): Tidying {
  const { closing, database, model } = shop
  /** Identities that this pipeline persists. */
  const mine = [...createFolds(model), ...onDiskFolds(model)].map(({ identity }) => identity)
  /** Builds found by the last sweep, with their checkpoints. */
  const builds = new Map<string, number>()
  let timer: ReturnType<typeof setTimeout> | undefined
  let swept = Number.NEGATIVE_INFINITY
  let holding = false

  function wait(delay: number): void {
    clearTimeout(timer)
    if (closing.aborted) return
    if (!holding) {
      holding = true
      closing.addEventListener('abort', () => clearTimeout(timer), { once: true })
      hold(
        mine.map((identity) => holdName(database.name, identity)),
        closing,
      )
    }
    const now = setTimeout(async () => {
      // If it fails, it is tried again after the next events.
      if ((await tidy().catch(() => false)) && timer === now) wait(TIDY_SLICE_MS)
    }, delay)
    timer = now
  }

  /** Does one slice of work. Returns whether there is more to do. */
  async function tidy(): Promise<boolean> {
    const { tracks = [], tables } = shop
    // Seals only at or below the lowest checkpoint. Failed projections do not count (rule 11).
    const stored = tracks.flatMap(({ fold, stored = 0 }) => (fold.failed ? [] : stored))
    stored.push(...(tables?.stored() ?? []))
    const limit = Math.min(...stored) - UNSEALED
    if (stored.length > 0 && limit > 0 && (await seal(database, limit))) {
      shop.mirror?.noteGrowth()
      return true
    }
    const now = performance.now()
    if (now - swept > SWEEP_MS) {
      swept = now
      await sweepTables(database, mine, builds)
    }
    return false
  }

  return { later: () => wait(QUIET_MS) }
}
