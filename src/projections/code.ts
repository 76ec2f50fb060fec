import type { Checkpoint } from '../log/stores.ts'
import type { Fold } from '../model/fold.ts'
import { hash } from '../model/json.ts'

/** Development only: what `by` and `evolve` say, then what a value begins with. What the handlers call is not seen. */
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

/** Earlier versions did not write down what a value begins with. */
const isSameCode = (before: string, now: string): boolean =>
  before === now || (!before.includes('/') && before === now.split('/')[0])

/** Development only: rows that other code folded stay as they are until the version says so. */
export function warnOfChange(fold: Fold, { code }: Checkpoint): void {
  // What is stored may be anything.
  if (typeof code !== 'string' || isSameCode(code, codeOf(fold))) return
  console.warn(
    `tidemark: the code of projection "${fold.name}" has changed (by, evolve or the initial value), its version (${fold.definition.version}) has not: ` +
      'persisted rows stay as the old code folded them. Raise `version`, or call `engine.rebuild()` while you develop.',
  )
}
