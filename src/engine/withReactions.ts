import type { Core } from './core.ts'
import { keepLoading } from './keepLoading.ts'
import { reacting } from './part.ts'
import type { OpenOptions } from './types.ts'

/** Runs a task with what a page of an app with reactions needs. Of another app it loads nothing. */
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
