import { diffLines } from 'diff'

const linesOf = (text: string): readonly string[] => text.match(/[^\n]*\n|[^\n]+$/g) ?? []

/** Counts the lines that a change of a text adds and removes. Most changes are in one place, so only the differing part is compared. */
export function countLines(before: string, after: string): { added: number; removed: number } {
  const old = linesOf(before)
  const now = linesOf(after)
  const shorter = Math.min(old.length, now.length)
  let first = 0
  while (first < shorter && old[first] === now[first]) first++
  let last = 0
  while (last < shorter - first && old.at(-1 - last) === now.at(-1 - last)) last++
  const removed = old.slice(first, old.length - last)
  const added = now.slice(first, now.length - last)
  if (removed.length === 0 || added.length === 0) return { added: added.length, removed: removed.length }
  const counted = { added: 0, removed: 0 }
  for (const part of diffLines(removed.join(''), added.join(''))) {
    if (part.added) counted.added += part.count
    if (part.removed) counted.removed += part.count
  }
  return counted
}
