import type { Key } from '../data.ts'
import type { Core } from '../engine/core.ts'
import type { AnyRecordedEvent } from '../model/events.ts'
import { createFold } from '../model/fold.ts'
import { loadBases } from '../projections/base.ts'

/** One event of a row, with the row before and after it. undefined means that there was or is no row. */
export interface RowStep {
  readonly event: AnyRecordedEvent
  readonly before: unknown
  readonly after: unknown
  /** The error that `evolve` threw. */
  readonly error?: unknown
}

/** Computes how each event changed a row. `events` are all events of the row, in ascending order. */
export async function rowSteps(
  core: Core,
  projection: string,
  key: Key,
  events: readonly AnyRecordedEvent[],
): Promise<readonly RowStep[]> {
  const definition = core.model.projections[projection]
  if (!definition) return []
  const { database } = core
  let row: unknown
  if (database?.log?.base) {
    const fold = createFold(projection, definition, core.types)
    await loadBases(database, [fold])
    row = [...fold.slots].find((slot) => slot.key === key)?.row
  }
  return events.map((event) => {
    const before = row
    try {
      const evolved: unknown = definition.evolve[event.type]?.(before, event, key)
      if (evolved !== undefined) row = evolved ?? undefined
      return { event, before, after: row }
    } catch (error) {
      return { event, before, after: before, error }
    }
  })
}
