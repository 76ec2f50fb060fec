import { expose } from 'comlink'
import { ModelError } from '../errors.ts'
import { randomId } from '../ids.ts'
import { lockName } from '../locks.ts'
import type { Model } from '../model/model.ts'
import { createHost, type HostOptions } from './host.ts'

let served: unknown

/** Makes this SharedWorker script the host of a model's pipelines, for everyone who connects. */
export function serve(model: Model<any, any, any, any>, options: HostOptions): void {
  // The library of types is that of a window.
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
  const host = createHost(model, epoch, options)
  // Held for as long as this worker lives: a tab that is granted it knows that the worker is dead (there is no event for
  // that). Nobody hears of the epoch before, or a tab would get the lock of a worker that is still asking for it. The
  // promise that holds it never settles: what it is given tells that it is held.
  const lockGranted = new Promise<unknown>(
    (resolve) => scope.navigator?.locks?.request(lockName('worker', epoch), () => new Promise(resolve)) ?? resolve(0),
  )
  served = scope.onconnect = async ({ ports }: MessageEvent): Promise<void> => {
    await lockGranted
    expose(host, ports[0])
  }
}
