import { aborting } from '../async.ts'
import { EngineClosed } from '../errors.ts'

/** A period in which a remote is followed beside a pipeline. Work that a browser does only once per log runs during it. */
export interface Holding {
  /** Aborts when the period ends. */
  readonly signal: AbortSignal
  /** Lets the next follower in the queue follow the remote, in another worker or page. */
  leave(): void
}

interface Place {
  now?: Holding
  readonly waiting: Set<(holding: Holding) => void>
}

const places: WeakMap<object, Place> = new WeakMap()

const placeOf = (shop: object): Place => {
  const place = places.get(shop) ?? { waiting: new Set() }
  places.set(shop, place)
  return place
}

/** Call this when the follower of this pipeline's log begins, and the returned function when it ends. */
export function beginHolding(shop: object, { signal, leave }: Holding): () => void {
  const place = placeOf(shop)
  const ending = new AbortController()
  const end = (): void => ending.abort(signal.reason ?? new EngineClosed('closed'))
  signal.addEventListener('abort', end)
  const holding: Holding = { signal: ending.signal, leave }
  place.now = holding
  for (const resolve of place.waiting) resolve(holding)
  place.waiting.clear()
  return () => {
    signal.removeEventListener('abort', end)
    if (place.now === holding) delete place.now
    end()
  }
}

/** Waits until the remote is followed beside this pipeline. Rejects with the signal's reason. */
export async function holdingOf(shop: object, signal: AbortSignal): Promise<Holding> {
  const { now, waiting } = placeOf(shop)
  if (now && !now.signal.aborted) return now
  let hear = (_: Holding): void => {}
  const next = new Promise<Holding>((resolve) => {
    hear = resolve
  })
  waiting.add(hear)
  return aborting(next, signal).finally(() => waiting.delete(hear))
}
