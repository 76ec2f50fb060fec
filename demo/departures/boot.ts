import type { DeparturesEngine } from './engine.ts'

/** How long this tab took to open, measured when `openEngine` resolved. */
export interface Boot {
  /** Milliseconds since the navigation began, and since the page's own script ran. */
  readonly sinceNavigation: number
  readonly sinceScript: number
  /** The last event of the log, and the last event in the snapshot. The events between them are the tail. */
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
