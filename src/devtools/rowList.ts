import type { Key } from '../data.ts'
import type { Fold } from '../model/fold.ts'
import { createBreather } from '../slices.ts'
import { line } from './format.ts'

/** The most rows that are listed. */
export const ROWS_LISTED_MAX = 200_000
/** The most characters of a row that a search examines. */
const SEARCHED_CHARACTERS = 10_000

export interface ListedRow {
  readonly key: Key
  readonly row: unknown
}

/** Finds the rows of a fold that contain a text, in slices. Returns undefined if `signal` aborted. It reads rows without freezing them. */
export async function listRows(
  fold: Pick<Fold, 'slots'>,
  text: string,
  signal: AbortSignal,
): Promise<readonly ListedRow[]> {
  const found: ListedRow[] = []
  const wanted = text.trim().toLowerCase()
  const breather = createBreather(signal)
  for (const { key, row } of fold.slots) {
    const fits =
      !wanted ||
      String(key).toLowerCase().includes(wanted) ||
      line(row, SEARCHED_CHARACTERS).toLowerCase().includes(wanted)
    if (fits && found.push({ key, row }) === ROWS_LISTED_MAX) break
    if (breather.isDue) await breather.rest()
  }
  return found
}
