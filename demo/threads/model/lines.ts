import { diffLines } from 'diff'

/** Lines that a change of a text adds and removes. */
export function countLines(before: string, after: string): { added: number; removed: number } {
  const counted = { added: 0, removed: 0 }
  for (const { added, removed, count } of diffLines(before, after)) {
    if (added) counted.added += count
    if (removed) counted.removed += count
  }
  return counted
}
