import type { Checkpoint } from '../log/stores.ts'
import type { Fold } from '../model/fold.ts'
import { hash } from '../model/json.ts'

/**
 * Development only. A hash of the source text of `by` and `evolve`; for a value, followed by a hash of its initial
 * value. Functions that the handlers call are not part of it.
 */
export function codeOf({ definition: { by, evolve, into } }: Fold): string {
  const handlers = hash(
    canonicalText([by, evolve].map((part) => Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))),
  )
  return into.kind === 'value' ? `${handlers}/${hash(canonicalText(into.initial))}` : handlers
}

function canonicalText(value: unknown): string {
  const plain = (_: string, part: unknown): unknown => {
    if (typeof part === 'function' || typeof part === 'bigint') return String(part)
    return part instanceof Map || part instanceof Set ? [...part] : part
  }
  try {
    return String(JSON.stringify(value, plain))
  } catch {
    return 'a cycle'
  }
}

/** Earlier versions stored no hash of the initial value. */
const isSameCode = (before: string, now: string): boolean =>
  before === now || (!before.includes('/') && before === now.split('/')[0])

/**
 * Development only. Rows that older code folded are kept until the projection's `version` changes, so a warning says
 * so.
 */
export function warnOfChange(fold: Fold, { code }: Checkpoint): void {
  // A damaged checkpoint may hold anything.
  if (typeof code !== 'string' || isSameCode(code, codeOf(fold))) return
  console.warn(
    `tidemark: the code of projection "${fold.name}" has changed (by, evolve or the initial value), its version (${fold.definition.version}) has not: ` +
      'persisted rows stay as the old code folded them. Raise `version`, or call `engine.rebuild()` while you develop.',
  )
}
