import { asError } from '../caught.ts'
import type { Key } from '../data.ts'
import { InvalidData, ProjectionFailed } from '../errors.ts'

/** The longest path into a row that an error shows. */
const PATH_LENGTH_MAX = 16

/**
 * A failure for the first row that structured clone refuses, because such a row can't be stored. Its cause names the
 * row's key and the path in the row. undefined if every row can be cloned.
 */
export function failureToClone(
  name: string,
  sequence: number,
  rows: Iterable<readonly [key: Key, row: unknown]>,
): ProjectionFailed | undefined {
  for (const [key, row] of rows) {
    const error = refusal(row)
    if (!error) continue
    const cause = new InvalidData(
      `${name}: evolve returned a row that can't be stored, because structured clone refuses it (${error})`,
      [key, ...pathTo(row)],
      error,
    )
    return new ProjectionFailed(name, sequence, cause)
  }
}

function refusal(value: unknown): Error | undefined {
  try {
    structuredClone(value)
  } catch (error) {
    return asError(error)
  }
}

/** The path to the innermost value that is refused. If that value is in a cycle, the path stops at the limit. */
function pathTo(value: unknown): Key[] {
  const path: Key[] = []
  for (let inner = value; path.length < PATH_LENGTH_MAX && typeof inner === 'object' && inner !== null; ) {
    const entry: [string, unknown] | undefined = Object.entries(inner).find(([, one]) => refusal(one))
    if (!entry) break
    path.push(Array.isArray(inner) ? Number(entry[0]) : entry[0])
    inner = entry[1]
  }
  return path
}
