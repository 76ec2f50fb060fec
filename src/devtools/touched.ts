import type { Key } from '../data.ts'
import type { Core } from '../engine/core.ts'
import type { AnyRecordedEvent } from '../model/events.ts'

/** Rows of one projection that an event is about. */
export interface TouchedRows {
  readonly projection: string
  /** undefined: a value, or rows that depend on the table at that time. */
  readonly keys?: readonly Key[]
  /** Which rows, if their keys depend on the table. */
  readonly where?: string
}

/** Which rows an event is about, as far as its payload says it. */
export function touchedBy({ model }: Core, event: AnyRecordedEvent): readonly TouchedRows[] {
  return Object.entries(model.projections).flatMap(([projection, { into, by, evolve }]): TouchedRows[] => {
    if (!evolve[event.type]) return []
    if (into.kind !== 'table') return [{ projection }]
    const find = by[event.type]
    // It looks at the rows of that time.
    if (find && find.length > 1) return [{ projection, where: 'rows that its `by` chose' }]
    try {
      const named: unknown = find ? find(event, undefined) : event.data?.[into.key]
      if (Array.isArray(named)) return [{ projection, keys: [...new Set(named)] }]
      // What is neither a list nor a match is a key.
      if (typeof named !== 'object' || !named) return [{ projection, keys: [named as Key] }]
      const parts = Object.entries(named).map(([name, value]) => `${name} = ${JSON.stringify(value)}`)
      return [{ projection, where: parts.length ? `rows with ${parts.join(' and ')}` : 'all rows' }]
    } catch {
      return [{ projection, where: 'rows that its `by` chose' }]
    }
  })
}
