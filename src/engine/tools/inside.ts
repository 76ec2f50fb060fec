import { EngineClosed, ModelError } from '../../errors.ts'
import type { Core } from '../core.ts'
import { coreOf } from '../openEngine.ts'
import type { Engine, Progress } from '../types.ts'

/** Ends what takes long, and hears how far it is. */
export interface Watch {
  readonly signal?: AbortSignal | undefined
  /** Told how far it is. */
  readonly onProgress?: ((progress: Progress) => void) | undefined
}

/** What stands behind an engine that is open. */
export function inside(engine: Engine<any, any, any>): Core {
  const core = coreOf.get(engine)
  if (!core) throw new ModelError('expected the engine that openEngine resolved to')
  if (engine.status.state === 'closed') throw core.state === 'closed' ? core.error : new EngineClosed('closed')
  return core
}
