import type { Key } from '../data.ts'
import type { Core } from '../engine/core.ts'
import type { AnyRecordedEvent } from '../model/events.ts'

/** The rows of one projection that an event concerns. */
export interface TouchedRows {
  readonly projection: string
  /** undefined for a value, or for rows that depend on the table at that time. */
  readonly keys?: readonly Key[]
  /** Finds the rows if their keys depend on the table. */
  readonly where?: string
}

/** The rows that an event concerns, as far as its payload says. */
export function touchedBy({ model }: Core, event: AnyRecordedEvent): readonly TouchedRows[] {
  return Object.entries(model.projections).flatMap(([projection, { into, by, evolve }]): TouchedRows[] => {
    if (!evolve[event.type]) return []
    if (into.kind !== 'table') return [{ projection }]
    const find = by[event.type]
    // This `by` needs the rows of that time.
    if (find && find.length > 1) return [{ projection, where: 'rows that its `by` chose' }]
    try {
      const named: unknown = find ? find(event, undefined) : event.data?.[into.key]
      if (Array.isArray(named)) return [{ projection, keys: [...new Set(named)] }]
      // Anything that is neither a list nor a match is a key.
      if (typeof named !== 'object' || !named) return [{ projection, keys: [named as Key] }]
      const parts = Object.entries(named).map(([name, value]) => `${name} = ${JSON.stringify(value)}`)
      return [{ projection, where: parts.length ? `rows with ${parts.join(' and ')}` : 'all rows' }]
    } catch {
      return [{ projection, where: 'rows that its `by` chose' }]
    }
  })
}
