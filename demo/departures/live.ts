import { useSyncExternalStore } from 'react'
import type { DeparturesEngine, DeparturesRead } from './engine.ts'

export interface Moment {
  readonly read: DeparturesRead
  readonly status: DeparturesEngine['status']
}
export interface Live {
  subscribe(listener: () => void): () => void
  now(): Moment
}

/** Reports changes of the engine at a pace that suits a map: the first change at once, then at most one every `interval` ms, in a frame. */
export function live(engine: DeparturesEngine, interval = 300): Live {
  const listeners = new Set<() => void>()
  let moment: Moment = { read: engine.read, status: engine.status }
  let waiting = false
  let last = 0

  const publish = (): void => {
    waiting = false
    last = performance.now()
    moment = { read: engine.read, status: engine.status }
    for (const listener of listeners) listener()
  }
  engine.subscribe(() => {
    if (waiting) return
    waiting = true
    setTimeout(() => requestAnimationFrame(publish), Math.max(0, last + interval - performance.now()))
  })

  return {
    subscribe(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    now: () => moment,
  }
}

export const useLive = (live: Live): Moment => useSyncExternalStore(live.subscribe, live.now)
