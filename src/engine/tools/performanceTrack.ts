import type { Observer } from '../types.ts'
import { type Span, spans } from './spans.ts'

const COLORS: Readonly<Record<Span['name'], string>> = {
  boot: 'primary-dark',
  dispatch: 'primary',
  append: 'secondary',
  'catch-up': 'tertiary',
  flush: 'tertiary-light',
  rebuild: 'tertiary-dark',
}

/**
 * An observer that shows what an engine does in the Performance panel of Chrome, in a track named "Tidemark".
 * @example
 * ```ts
 * const engine = await openEngine(todoApp, { worker, observe: performanceTrack })
 * ```
 *
 * Other browsers show the spans among their user timings. No entry stays in the performance timeline of the page.
 */
export const performanceTrack: Observer = /* @__PURE__ */ spans(({ name, engine, start, duration, detail, error }) => {
  const label = `tidemark: ${'command' in detail ? detail.command : name}`
  const properties = Object.entries({ span: name, log: engine, ...detail, ...(error !== undefined && { error }) })
  performance.measure(label, {
    start,
    end: start + duration,
    detail: {
      devtools: {
        dataType: 'track-entry',
        track: 'Tidemark',
        color: error === undefined ? COLORS[name] : 'error',
        properties: properties.map(([key, value]) => [key, String(value)]),
        tooltipText: `${name} of ${engine}`,
      },
    },
  })
  // The panel has the entry by now. Without this, the page would keep one entry per command for ever.
  performance.clearMeasures(label)
})
