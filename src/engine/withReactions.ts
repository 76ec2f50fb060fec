import type { Core } from './core.ts'
import { keepLoading } from './keepLoading.ts'
import { reacting } from './part.ts'
import type { OpenOptions } from './types.ts'

/** Loads the code for reactions and runs a task with it. Does nothing if the app has no reactions. */
export function withReactions(
  core: Core,
  { reactions }: OpenOptions,
  task: (part: typeof import('./reacting.ts')) => unknown,
): void {
  if (reactions)
    keepLoading(core, reacting)
      .then(task)
      .catch(() => {})
}
