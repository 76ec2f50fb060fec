import { structuredPatch } from 'diff'
import type { Files } from '../assistant/apply.ts'

export interface FileDifference {
  readonly path: string
  readonly what: 'created' | 'changed' | 'deleted' | 'renamed'
  /** The path before, if it was renamed. */
  readonly from?: string
  readonly added: number
  readonly removed: number
  readonly hunks: readonly { readonly oldStart: number; readonly newStart: number; readonly lines: readonly string[] }[]
}

/** Lines around a change. */
const CONTEXT = 3

/** The differences between two states of some files. If a file is missing and another one has its text, it was renamed. */
export function compareFiles(before: Files, after: Files, paths: Iterable<string>): FileDifference[] {
  const looked = [...new Set(paths)].sort()
  const gone = looked.filter((path) => before.has(path) && !after.has(path))
  const renamed = new Map<string, string>()
  for (const path of looked) {
    if (before.has(path) || !after.has(path)) continue
    const from = gone.find((one) => before.get(one) === after.get(path) && ![...renamed.values()].includes(one))
    if (from !== undefined) renamed.set(path, from)
  }
  const oldPaths = new Set(renamed.values())
  return looked.flatMap((path): FileDifference | [] => {
    const old = before.get(path)
    const now = after.get(path)
    if (old === now || oldPaths.has(path)) return []
    const from = renamed.get(path)
    if (from !== undefined) return { path, from, what: 'renamed', added: 0, removed: 0, hunks: [] }
    const { hunks } = structuredPatch(path, path, old ?? '', now ?? '', '', '', { context: CONTEXT })
    const lines = hunks.flatMap((hunk) => hunk.lines)
    return {
      path,
      what: old === undefined ? 'created' : now === undefined ? 'deleted' : 'changed',
      added: lines.filter((line) => line.startsWith('+')).length,
      removed: lines.filter((line) => line.startsWith('-')).length,
      hunks,
    }
  })
}
