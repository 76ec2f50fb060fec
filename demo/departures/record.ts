import { data } from './data.ts'
import type { DeparturesEngine } from './engine.ts'

const flightsPerCommand = 1000

/**
 * Records the flights of the file up to `target`, starting after the last recorded flight. A command is decided while the command
 * before it is written and the next flights are read. At most two commands are in progress, so cancelling is quick.
 */
export async function record(engine: DeparturesEngine, target: number, signal: AbortSignal): Promise<void> {
  let first = engine.read.recorded.value.flights
  const readNext = () => data.flights(first, Math.min(flightsPerCommand, target - first))

  let next = first < target ? readNext() : undefined
  let before: Promise<unknown> = Promise.resolve()
  while (next && !signal.aborted) {
    const flights = await next
    if (signal.aborted) break
    const written = engine.dispatch.recordFlights({ first, flights })
    written.catch(() => {}) // awaited below, one round later
    first += flights.length
    next = first < target ? readNext() : undefined
    await before
    before = written
  }
  await before
}
