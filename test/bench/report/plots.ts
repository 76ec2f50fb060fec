import * as Plot from '@observablehq/plot'
import { parseHTML } from 'linkedom'
import type { Summary } from '../measure.ts'
import { parseCell } from '../workload.ts'
import type { Result } from './result.ts'

const { document } = parseHTML('<!doctype html><html><body></body></html>')

function svg(options: Plot.PlotOptions): string {
  const plot = Plot.plot({
    document,
    width: 760,
    marginRight: 190,
    marginLeft: 60,
    style: { fontFamily: 'system-ui, sans-serif', fontSize: '13px', background: 'white', color: '#222' },
    ...options,
  } as Plot.PlotOptions)
  plot.setAttribute('xmlns', 'http://www.w3.org/2000/svg')
  return `${plot.outerHTML}\n`
}

/** Line ends carry the names, spread so that none covers another. */
function labels<T extends { y: number }>(ends: T[], ratio: number): (T & { at: number })[] {
  let last = Number.NEGATIVE_INFINITY
  return ends
    .sort((a, b) => a.y - b.y)
    .map((end) => {
      last = Math.max(end.y, last === Number.NEGATIVE_INFINITY ? end.y : last * ratio)
      return { ...end, at: last }
    })
}

function bars(result: Result, figure: string, label: string, rows: readonly Summary[]): string | undefined {
  if (!rows.length) return
  const title = (name: string) => result.subjects.find((s) => s.name === name)?.title ?? name
  const data = rows.map((s) => ({
    subject: title(s.subject),
    p50: s.p50,
    p95: s.p95,
    tidemark: s.subject === 'tidemark',
  }))
  const smallest = Math.min(...data.map((d) => d.p50))
  return svg({
    height: 60 + data.length * 34,
    marginLeft: 220,
    marginRight: 70,
    x: {
      type: 'log',
      label,
      domain: [smallest / 3, Math.max(...data.map((d) => d.p95)) * 1.6],
      grid: true,
      ticks: 5,
      tickFormat: '~s',
    },
    y: { label: null, domain: data.map((d) => d.subject) },
    title: figure,
    marks: [
      Plot.barX(data, {
        x1: smallest / 3,
        x2: 'p50',
        y: 'subject',
        fill: (d) => (d.tidemark ? '#0a6e8a' : '#b9c6cc'),
        inset: 4,
      }),
      Plot.ruleY(data, { x1: 'p50', x2: 'p95', y: 'subject', stroke: '#555' }),
      Plot.text(data, {
        x: 'p95',
        y: 'subject',
        text: (d) => `${Number(d.p50.toPrecision(2))} ms`,
        textAnchor: 'start',
        dx: 6,
      }),
    ],
  } as Plot.PlotOptions)
}

export function plots(result: Result): Record<string, string> {
  const { summary } = result
  const found: Record<string, string> = {}
  const title = (name: string) => result.subjects.find((s) => s.name === name)?.title ?? name

  const flat = summary
    .filter((s) => s.figure === 'boot by log length')
    .map((s) => ({ subject: s.subject, title: title(s.subject), x: parseCell(s.cell).events, y: s.p50 }))
    .sort((a, b) => a.x - b.x)
  if (flat.length) {
    const ends = [...new Map(flat.map((d) => [d.subject, d])).values()]
    const right = Math.max(...flat.map((d) => d.x))
    const color = (d: { subject: string }) =>
      d.subject === 'tidemark' ? '#0a6e8a' : d.subject === 'floor' ? '#222' : '#9aa9b0'
    found['boot-by-log-length'] = svg({
      height: 420,
      x: { type: 'log', label: 'events in the log (1,000 rows)', tickFormat: '~s', ticks: 5 },
      y: { type: 'log', label: 'cold boot until every row is readable, ms', grid: true, tickFormat: '~s', ticks: 5 },
      marks: [
        Plot.line(flat, {
          x: 'x',
          y: 'y',
          z: 'subject',
          stroke: color,
          strokeWidth: (d) => (d.subject === 'tidemark' ? 3 : 1.5),
        }),
        Plot.dot(flat, { x: 'x', y: 'y', fill: color, r: 3 }),
        Plot.text(labels(ends, 1.13), {
          x: () => right,
          y: 'at',
          text: 'title',
          textAnchor: 'start',
          dx: 10,
          fill: color,
        }),
      ],
    })
  }

  const largest = (figure: string) => {
    const of = summary.filter((s) => s.figure === figure)
    const cell = of.find((s) => s.cell === '10k×1k')?.cell ?? of[0]?.cell
    return of.filter((s) => s.cell === cell && s.subject !== 'packed').sort((a, b) => a.p50 - b.p50)
  }
  const charts = {
    writes: bars(result, 'One durable write', 'ms, median; line to the 95th percentile', largest('one durable write')),
    burst: bars(result, '1,000 writes at once', 'ms, median', largest('1,000 writes at once')),
    'cross-tab': bars(
      result,
      'From a write to another tab',
      'ms, median; line to the 95th percentile',
      largest('cross-tab'),
    ),
  }
  for (const [name, chart] of Object.entries(charts)) if (chart) found[name] = chart
  return found
}
