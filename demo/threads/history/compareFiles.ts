import { structuredPatch } from 'diff'
import type { Files } from '../assistant/apply.ts'

export interface FileDifference {
  readonly path: string
  readonly what: 'created' | 'changed' | 'deleted'
  readonly added: number
  readonly removed: number
  readonly hunks: readonly { readonly oldStart: number; readonly newStart: number; readonly lines: readonly string[] }[]
}

/** Lines around a change. */
const CONTEXT = 3

/** What differs between two states of some files. */
export function compareFiles(before: Files, after: Files, paths: Iterable<string>): FileDifference[] {
  return [...new Set(paths)].sort().flatMap((path): FileDifference | [] => {
    const old = before.get(path)
    const now = after.get(path)
    if (old === now) return []
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
