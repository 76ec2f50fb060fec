import type { Fold } from '../../model/fold.ts'

/** The number of rows in a piece. The page can render between two pieces. */
const ROWS_PER_PIECE = 2048

interface RowsAt {
  readonly rows: readonly unknown[]
  readonly ns: readonly number[]
  readonly next: number
}

/** All rows at the end of a record. Row objects never change, so a point keeps references, not copies. */
export interface Point {
  readonly sequence: number
  readonly rows: number
  readonly folds: readonly RowsAt[]
}

/** Makes a point of the folds' rows, in pieces. Nothing may be folded meanwhile. */
export function* pointOf(folds: readonly Fold[], sequence: number): Generator<void, Point> {
  const kept: RowsAt[] = []
  let count = 0
  for (const { slots, next } of folds) {
    const rows: unknown[] = []
    const ns: number[] = []
    for (const { row, n } of slots) {
      rows.push(row)
      ns.push(n)
      if (++count % ROWS_PER_PIECE === 0) yield
    }
    kept.push({ rows, ns, next })
  }
  return { sequence, rows: count, folds: kept }
}

/** Fills empty folds with the rows of a point, in pieces. */
export function* fillFrom(point: Point, folds: readonly Fold[]): Generator<void, void> {
  for (const [i, fold] of folds.entries()) {
    const { rows, ns, next } = point.folds[i]!
    for (let from = 0; from < rows.length; from += ROWS_PER_PIECE) {
      fold.load(rows.slice(from, from + ROWS_PER_PIECE), (n) => ns[from + n]!)
      yield
    }
    fold.next = next
  }
}
