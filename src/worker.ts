import { expose } from 'comlink'
import { start } from './copies/mirror.ts'
import { ModelError } from './errors.ts'
import { randomId } from './ids.ts'
import { lockName } from './locks.ts'
import type { Model } from './model/model.ts'
import { createHost } from './projections/host.ts'
import type { Tables } from './projections/workshop.ts'

/** Milliseconds until a log that no tab has open any more is let go. */
const IDLE_MS = 3000

export interface HostProjectionsOptions {
  /** What `tidemark/tables` exports, if the model has tables with `resident: false`. */
  readonly tables?: Tables | undefined
}

let served: unknown

/**
 * Runs the projection pipeline of a model in a SharedWorker script; call it once, at the top level.
 * @example
 * // todos.worker.ts
 * import { hostProjections } from 'tidemark/worker'
 * import { todoApp } from './todos.ts'
 * hostProjections(todoApp)
 *
 * One worker serves every engine `name` of its model. A second call in one script throws. A model that has tables with
 * `resident: false` needs their code: `import { tables } from 'tidemark/tables'` and `hostProjections(todoApp, { tables })`.
 */
export function hostProjections(model: Model<any, any, any>, { tables }: HostProjectionsOptions = {}): void {
  const scope = globalThis as typeof globalThis & {
    onconnect?: ((event: MessageEvent) => void) | null
    navigator?: Navigator
  }
  if (scope.onconnect) {
    if (scope.onconnect === served)
      throw new ModelError('hostProjections was called twice in this worker. Call it once per model.')
    // WebKit runs a worker's script once more when a part that is loaded later imports it: the first run serves.
    return
  }
  const epoch = randomId()
  const host = createHost(model, epoch, {
    idle: IDLE_MS,
    loadTables: tables && (async () => tables),
    loadMirror: async () => ({ start }),
  })
  // Held for as long as this worker lives: a tab that is granted it knows that the worker is dead (there is no event for
  // that). Nobody hears of the epoch before, or a tab would get the lock of a worker that is still asking for it. The
  // promise that holds it never settles: what it is given tells that it is held.
  const held = new Promise<unknown>(
    (resolve) => scope.navigator?.locks?.request(lockName('worker', epoch), () => new Promise(resolve)) ?? resolve(0),
  )
  served = scope.onconnect = async ({ ports }: MessageEvent): Promise<void> => {
    await held
    expose(host, ports[0])
  }
}
