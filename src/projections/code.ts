import type { Checkpoint } from '../log/stores.ts'
import type { Fold } from '../model/fold.ts'
import { hash } from '../model/json.ts'

/** Development only: what `by` and `evolve` say. What they call is not seen. */
export function codeOf({ definition: { by, evolve } }: Fold): string {
  const sources = [by, evolve].map((handlers) => Object.entries(handlers).sort(([a], [b]) => (a < b ? -1 : 1)))
  return hash(JSON.stringify(sources, (_, value) => (typeof value === 'function' ? String(value) : value)))
}

/** Development only: rows that other code folded stay as they are until the version says so. */
export function warnOfChange(fold: Fold, { code }: Checkpoint): void {
  if (code === undefined || code === codeOf(fold)) return
  console.warn(
    `tidemark: the code of projection "${fold.name}" has changed, its version (${fold.definition.version}) has not: ` +
      'persisted rows stay as the old code folded them. Raise `version`, or call `engine.rebuild()` while you develop.',
  )
}
