import { expose } from 'comlink'
import { randomId } from './ids.ts'
import type { Model } from './model/model.ts'
import { createHost } from './projections/host.ts'

let served: unknown

/**
 * Runs the projection pipeline of a model in a SharedWorker script; call it once, at the top level.
 * @example
 * // todos.worker.ts
 * import { hostProjections } from 'tidemark/worker'
 * import { todoApp } from './todos.ts'
 * hostProjections(todoApp)
 *
 * One worker serves every engine `name` of its model. A second call in one script throws.
 */
export function hostProjections(model: Model<any, any, any>): void {
  const scope = globalThis as typeof globalThis & {
    onconnect?: ((event: MessageEvent) => void) | null
    navigator?: Navigator
  }
  if (scope.onconnect) {
    if (scope.onconnect === served) throw new Error('twice')
    // WebKit runs a worker's script once more when a part that is loaded later imports it: the first run serves.
    return
  }
  const epoch = randomId()
  const host = createHost(model, epoch)
  // Held for as long as this worker lives: whoever gets it knows that the worker is dead (there is no event for that).
  // Nobody hears of the epoch before, or it would get the lock of a worker that is still asking for it. The promise that
  // holds it never settles: what it is given tells that it is held.
  const held = new Promise<unknown>(
    (resolve) => scope.navigator?.locks?.request(`tidemark:worker:${epoch}`, () => new Promise(resolve)) ?? resolve(0),
  )
  served = scope.onconnect = async ({ ports }: MessageEvent): Promise<void> => {
    await held
    expose(host, ports[0])
  }
}
