import { isLocal, isMarker, type LocalRecord, type Marker } from './local.ts'

/** Everything of the outbox; the keys below 0 only keep two writers apart. */
export const whole = (): IDBKeyRange => IDBKeyRange.lowerBound(0)

/** The outbox as it is stored: the marker, and the records above it. */
export interface Outbox {
  readonly marker: Marker
  readonly records: readonly LocalRecord[]
}

/** What is below the highest marker is no outbox. undefined if there is no marker: the log has no remote. */
export function outboxOf(found: readonly (LocalRecord | Marker)[]): Outbox | undefined {
  const marker = found.findLast(isMarker)
  if (!marker) return
  return { marker, records: found.filter((one): one is LocalRecord => isLocal(one) && one.n > marker.n) }
}
