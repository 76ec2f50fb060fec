import { expose } from 'comlink'
import { ModelError } from '../errors.ts'
import { randomId } from '../ids.ts'
import { lockName } from '../locks.ts'
import type { Model } from '../model/model.ts'
import { createHost, type HostOptions } from './host.ts'

let served: unknown

/** Makes this SharedWorker script the host of a model's pipelines, for every tab that connects. */
export function serve(model: Model<any, any, any, any>, options: HostOptions): void {
  // The compiler's types are those of a window, not of a worker.
  const scope = globalThis as typeof globalThis & {
    onconnect?: ((event: MessageEvent) => void) | null
    navigator?: Navigator
  }
  if (scope.onconnect) {
    if (scope.onconnect === served)
      throw new ModelError('hostProjections was called twice in this worker. Call it once per model.')
    // WebKit runs a worker's script again when a part that is loaded later imports it. The first run keeps serving.
    return
  }
  const epoch = randomId()
  const host = createHost(model, epoch, options)
  // The worker holds this lock as long as it lives. There is no event for a worker's death, so tabs request the same
  // lock: a tab that gets it knows that the worker is dead. The worker must hold the lock before any tab learns the
  // epoch, or a tab could get the lock first. Passing `resolve` to the inner promise reports the grant; that promise
  // never settles, so the lock is never released.
  const lockGranted = new Promise<unknown>(
    (resolve) => scope.navigator?.locks?.request(lockName('worker', epoch), () => new Promise(resolve)) ?? resolve(0),
  )
  served = scope.onconnect = async ({ ports }: MessageEvent): Promise<void> => {
    await lockGranted
    expose(host, ports[0])
  }
}
