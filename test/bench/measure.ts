import { interquartileRange, quantile } from 'simple-statistics'

/** Every value that a run measured for one figure, cell and subject. Medians and ratios are computed at the end. */
export interface Series {
  readonly figure: string
  readonly cell: string
  readonly subject: string
  readonly unit: string
  readonly values: number[]
}
export interface Summary extends Omit<Series, 'values'> {
  readonly n: number
  readonly p50: number
  readonly p95: number
  readonly iqr: number
  /** The ratio to the floor in the same figure and cell of the same run: of the medians, and of the 95th percentiles. */
  readonly ratio?: number
  readonly ratio95?: number
}

export function createSeries(): {
  add(figure: string, cell: string, subject: string, unit: string, ...values: number[]): void
  all: Series[]
} {
  const all: Series[] = []
  return {
    all,
    add(figure, cell, subject, unit, ...values) {
      let series = all.find((s) => s.figure === figure && s.cell === cell && s.subject === subject)
      if (!series) all.push((series = { figure, cell, subject, unit, values: [] }))
      series.values.push(...values.filter(Number.isFinite))
    },
  }
}

const rounded = (x: number): number => Number(x.toPrecision(4))

export function summarize(all: readonly Series[]): Summary[] {
  const filled = all.filter(({ values }) => values.length)
  return filled.map(({ values, ...series }) => {
    const floor = filled.find((s) => s.figure === series.figure && s.cell === series.cell && s.subject === 'floor')
    const p50 = quantile(values, 0.5)
    const p95 = quantile(values, 0.95)
    return {
      ...series,
      n: values.length,
      p50: rounded(p50),
      p95: rounded(p95),
      iqr: rounded(interquartileRange(values)),
      ...(floor && {
        ratio: rounded(p50 / quantile(floor.values, 0.5)),
        ratio95: rounded(p95 / quantile(floor.values, 0.95)),
      }),
    }
  })
}
