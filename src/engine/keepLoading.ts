import type { Part } from '../load.ts'
import type { Core } from './core.ts'

/** The part, however long that takes; `status.lastError` says why it takes long. Rejects when the engine, or the signal, ends. */
export const keepLoading = <T>(core: Core, part: Part<T>, signal: AbortSignal = core.ended): Promise<T> =>
  part.keepLoading(signal, (error) => {
    core.error = error
    core.changed(false)
  })
