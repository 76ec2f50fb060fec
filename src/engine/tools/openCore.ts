import { EngineClosed, ModelError } from '../../errors.ts'
import type { Core } from '../core.ts'
import { coreOf } from '../openEngine.ts'
import type { Engine, Progress } from '../types.ts'

/** Options of long work: a signal to end it, and a callback for its progress. */
export interface Watch {
  readonly signal?: AbortSignal | undefined
  /** Called with the progress. */
  readonly onProgress?: ((progress: Progress) => void) | undefined
}

/** The core of an open engine. Throws `ModelError` if it is not an engine, and the error that closed it if it is closed. */
export function openCore(engine: Engine<any, any, any>): Core {
  const core = coreOf.get(engine)
  if (!core)
    throw new ModelError(
      'a function of tidemark/tools got no engine. Pass what openEngine resolved to, not its promise',
    )
  if (engine.status.state === 'closed') throw core.state === 'closed' ? core.error : new EngineClosed('closed')
  return core
}
