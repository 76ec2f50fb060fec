import { defineModel, openEngine } from 'tidemark'
import { data } from './data.ts'
import { departures } from './departures.ts'
import { record } from './record.ts'

export interface Measured {
  readonly events: number
  /** Milliseconds from `openEngine` to the first value. */
  readonly snapshot: number
  readonly replay: number
}

export const sizes = [1_000, 5_000, 20_000, 50_000, 100_000]
const name = 'departures-comparison'
const rounds = 3

/**
 * Measures how long a separate log takes to open as it grows: from its snapshot, and under a projection version without a snapshot, as if
 * every page replayed its history. Deletes the log at the end.
 */
export async function compare(signal: AbortSignal, onMeasured: (measured: Measured) => void): Promise<void> {
  try {
    const network = await data.network()
    let version = 1
    for (const events of sizes) {
      const log = await openEngine(departures, { name, signal })
      await log.dispatch.listNetwork(network)
      await record(log, events, signal)
      signal.throwIfAborted()
      await log.projected()
      await log.close()

      const snapshot: number[] = []
      const replay: number[] = []
      for (let round = 0; round < rounds; round++) {
        signal.throwIfAborted()
        snapshot.push(await timeToOpen(departures))
        replay.push(await timeToOpen(withVersion(++version)))
      }
      onMeasured({ events, snapshot: median(snapshot), replay: median(replay) })
    }
  } finally {
    indexedDB.deleteDatabase(`tidemark:${name}`)
  }
}

/** The same model with another version of each projection: no snapshot fits, so the tab folds the log. */
function withVersion(version: number): typeof departures {
  const { airports, routes, delayByHour, recorded } = departures.projections
  return defineModel({
    ...departures,
    projections: {
      airports: { ...airports, version },
      routes: { ...routes, version },
      delayByHour: { ...delayByHour, version },
      recorded: { ...recorded, version },
    },
  })
}

async function timeToOpen(model: typeof departures): Promise<number> {
  const started = performance.now()
  const engine = await openEngine(model, { name })
  const took = performance.now() - started
  await engine.close()
  return took
}

const median = (figures: readonly number[]): number => figures.toSorted((a, b) => a - b)[figures.length >> 1] ?? 0
