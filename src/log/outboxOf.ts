import { isLocal, isMarker, type LocalRecord, type Marker } from './local.ts'

/**
 * The keys of the outbox. The keys below 0 only keep two writers apart (`Marker.generation`). Read from the key of the newest known marker
 * if there is one: a browser passes each deleted key that it has yet to clear away, and a marker never moves down.
 */
export const whole = (from: number = 0): IDBKeyRange => IDBKeyRange.lowerBound(Math.max(0, from))

/** The outbox as it is stored: the marker, and the records above it. */
export interface Outbox {
  readonly marker: Marker
  readonly records: readonly LocalRecord[]
}

/** The records below the highest marker are not part of the outbox. undefined if there is no marker: the log has no remote. */
export function outboxOf(found: readonly (LocalRecord | Marker)[]): Outbox | undefined {
  const marker = found.findLast(isMarker)
  if (!marker) return
  return { marker, records: found.filter((one): one is LocalRecord => isLocal(one) && one.n > marker.n) }
}
