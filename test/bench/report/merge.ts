import type { Series } from '../measure.ts'

export interface Merged {
  readonly series: readonly Series[]
  /** Figures of this run that are not in it: the last results have them for more subjects or cells. */
  readonly left: readonly string[]
}

const columnOf = ({ cell, subject }: Series): string => `${cell} ${subject}`

/**
 * The figures of this run, and what the last results say of others. Ratios are made within a figure, so a figure is taken over as a whole:
 * one that was measured for some of its subjects or cells only stays as it was.
 */
export function merge(kept: readonly Series[], measured: readonly Series[]): Merged {
  const figures = new Set(measured.map(({ figure }) => figure))
  const left = [...figures].filter((figure) => {
    const columns = new Set(measured.filter((one) => one.figure === figure).map(columnOf))
    return kept.some((one) => one.figure === figure && !columns.has(columnOf(one)))
  })
  const isLeft = ({ figure }: Series): boolean => left.includes(figure)
  const isReplaced = ({ figure }: Series): boolean => figures.has(figure) && !left.includes(figure)
  return { series: [...kept.filter((one) => !isReplaced(one)), ...measured.filter((one) => !isLeft(one))], left }
}
