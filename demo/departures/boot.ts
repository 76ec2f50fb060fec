import type { DeparturesEngine } from './engine.ts'

/** What opening this tab took, taken down at the moment `openEngine` resolved. */
export interface Boot {
  /** Milliseconds since the navigation began, and since the page's own script ran. */
  readonly sinceNavigation: number
  readonly sinceScript: number
  /** The log's head, and up to which event the snapshot stood: the tail is what lies between. */
  readonly head: number
  readonly snapshot: number
  readonly rows: { readonly airports: number; readonly routes: number; readonly hours: number }
}

export function measureBoot({ read, status }: DeparturesEngine, scriptStarted: number): Boot {
  const ready = performance.now()
  performance.measure('boot', { start: scriptStarted, end: ready })
  return {
    sinceNavigation: ready,
    sinceScript: ready - scriptStarted,
    head: status.sequence,
    snapshot: status.projected,
    rows: { airports: read.airports.size, routes: read.routes.size, hours: read.delayByHour.size },
  }
}
