import type { Part } from '../load.ts'
import type { Core } from './core.ts'

/**
 * Loads a part and retries without limit. `status.lastError` shows the last failure. Rejects when the signal aborts, by
 * default at the engine's end.
 */
export const keepLoading = <T>(core: Core, part: Part<T>, signal: AbortSignal = core.ended): Promise<T> =>
  part.keepLoading(signal, (error) => {
    core.error = error
    core.changed(false)
  })
