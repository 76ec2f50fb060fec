import { markdownTable } from 'markdown-table'
import { median } from 'simple-statistics'
import type { Result } from './result.ts'

/** The goals of Tidemark and the results of this run. A goal that was not measured says so. */
export function goals({ summary, series }: Result): string {
  const find = (figure: string, cell?: string, subject = 'tidemark') =>
    summary.find((s) => s.figure === figure && (cell === undefined || s.cell === cell) && s.subject === subject)
  const cells = (figure: string) => summary.filter((s) => s.figure === figure && s.subject === 'tidemark')
  const worst = (figure: string, of: 'ratio' | 'ratio95' = 'ratio') => {
    const ratios = cells(figure).flatMap((s) => s[of] ?? [])
    return ratios.length ? Math.max(...ratios) : undefined
  }
  const over = (a: number | undefined, b: number | undefined) => (a !== undefined && b ? a / b : undefined)
  const log = (size: string) => find('boot by log length', `${size}×1k`)?.p50
  const opened = (size: string) => find('opening the database alone, by log length', `${size}×1k`)?.p50
  const alone = (size: string) => (log(size) ?? Number.NaN) - (opened(size) ?? Number.NaN)
  const burst = cells('1,000 writes at once').map((s) => over(s.p50, find(s.figure, s.cell, 'packed')?.p50) ?? 0)
  const bulk = cells('bulk')[0]
  const sum = (figure: string) => {
    const parts = summary.filter((s) => s.figure === figure && s.subject === 'tidemark')
    return parts.length ? Math.max(...parts.map((s) => s.p95)) : undefined
  }

  const stored = cells('stored per event').map((s) => over(s.p50, find(s.figure, s.cell, 'row-per-event')?.p50) ?? 0)
  const mirrored = (figure: string) => {
    const ratios = cells(figure).flatMap((s) => over(s.p50, find(figure, s.cell, 'tidemark-no-mirror')?.p50) ?? [])
    return ratios.length ? Math.max(...ratios) : undefined
  }

  /** Compares each stretch with its neighbour, because the machine changes over time. */
  const inTurns = (figure: string, subject: string, beside: string) => {
    const values = (cell: string, subject: string) =>
      series.find((s) => s.figure === figure && s.cell === cell && s.subject === subject)?.values ?? []
    const ratios = cells(figure).flatMap(({ cell }) => {
      const without = values(cell, beside)
      return median(values(cell, subject).map((ms, turn) => ms / (without[turn] ?? Number.NaN)))
    })
    return ratios.length ? Math.max(...ratios) : undefined
  }

  const threads = Math.max(...['cold', 'second tab'].flatMap((tab) => find(`Threads, boot, ${tab}`)?.ratio ?? []))

  const index = ['recorded and caught up', 'rebuild'].flatMap((work) => {
    const figure = `${work}, one table with history`
    const indexed = summary.find((s) => s.figure === figure && s.subject === 'tidemark-indexed')
    return over(indexed?.p50, find(figure)?.p50) ?? []
  })

  const rows: [string, number | undefined, number, string][] = [
    ['boot, cold, worst cell', worst('boot, cold'), 1.2, '× floor'],
    ['boot, second tab, worst cell', worst('boot, second tab'), 1.2, '× floor'],
    [
      'Threads with 2,000 threads and 100,000 messages, boot, worst',
      Number.isFinite(threads) ? threads : undefined,
      1.3,
      '× floor',
    ],
    ['boot with 3 M events against 10 k, same rows', over(log('3M'), log('10k')), 1.1, '×'],
    ['of that, without opening the database', over(alone('3M'), alone('10k')), 1.1, '×'],
    ['from navigation to ready, cold, worst cell', worst('boot, cold, from navigation'), 1.1, '× floor'],
    ['from navigation to ready, second tab, worst cell', worst('boot, second tab, from navigation'), 1.1, '× floor'],
    ['the first 30 dispatches after a boot, median', worst('first writes after boot'), 1.5, '× floor'],
    [
      'the first 30 dispatches after a boot, 95th percentile',
      worst('first writes after boot', 'ratio95'),
      2,
      '× floor',
    ],
    ['one durable dispatch, median', worst('one durable write'), 1.4, '× floor'],
    ['one durable dispatch, 95th percentile', worst('one durable write', 'ratio95'), 1.5, '× floor'],
    ['1,000 dispatches at once', burst.length ? Math.max(...burst) : undefined, 4, '× one record of all'],
    ['1 M events in commits of 1,000, three projections', bulk?.ratio, 1.6, '× floor'],
    ['worker caught up after that', find('bulk, until caught up')?.p50, 1000, 'ms'],
    ['cross-tab, median', worst('cross-tab'), 1, '× floor'],
    [
      'rebuild of 1 M events',
      over(find('rebuild')?.p50, find('rebuild: read and bare fold')?.p50),
      1.1,
      '× reading and bare fold',
    ],
    ['the state after 100,000 commits of one event', find('past: the whole log folded')?.p50, 150, 'ms'],
    ['the event before, from there', find('past: the event before')?.p50, 5, 'ms'],
    ["the first event of one row's history", find('past: the first event of one row')?.p50, 5, 'ms'],
    [
      'the pipeline with an index of the events of each row against without, worst',
      index.length ? Math.max(...index) : undefined,
      1.3,
      '×',
    ],
    [
      'stored bytes per event, 2 M sealed, without the second copy, worst',
      stored.length ? Math.max(...stored) : undefined,
      0.22,
      '× one row per event',
    ],
    ['heap after boot, worst cell', worst('heap after boot'), 1.1, '× the rows in a Map (floor)'],
    ['longest main-thread task, worst', sum('longest task'), 50, 'ms'],
    [
      'one durable dispatch with a second copy against without, in turns, worst cell',
      inTurns('one durable write, two logs in turns', 'tidemark', 'tidemark-no-mirror'),
      1.05,
      '×',
    ],
    [
      'one durable dispatch with ten reactions against without, in turns, worst cell',
      inTurns('one durable write, with ten reactions', 'tidemark-reacting', 'tidemark'),
      1.05,
      '×',
    ],
    ['recording 1 M events with a second copy against without', mirrored('bulk'), 1.15, '×'],
    [
      'minimal app, what a visit loads, shared code once',
      (find('files, minimal app, what a visit loads, shared code once')?.p50 ?? Number.NaN) / 1000,
      50,
      'kB',
    ],
    [
      'minimal app, all that it may ever load, shared code once',
      (find('files, minimal app, shared code once')?.p50 ?? Number.NaN) / 1000,
      50,
      'kB',
    ],
  ]
  return `## Goals

${markdownTable([
  ['figure', 'measured', 'goal', ''],
  ...rows.map(([name, value, goal, unit]) =>
    value === undefined || Number.isNaN(value)
      ? [name, 'not in this run', `≤ ${goal} ${unit}`, '']
      : [name, `${Number(value.toPrecision(3))} ${unit}`, `≤ ${goal} ${unit}`, value <= goal ? '✓' : '**missed**'],
  ),
])}
`
}
