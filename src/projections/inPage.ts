import type { MirrorPlace } from '../copies/mirrorPlace.ts'
import { copies } from '../copies/part.ts'
import { randomId } from '../ids.ts'
import { lockName } from '../locks.ts'
import type { Channel } from '../log/channel.ts'
import type { AnyModel } from '../model/model.ts'
import { createHost, type ProjectionHost } from './host.ts'
import { tablesPart } from './tablesPart.ts'
import type { Workshop } from './workshop.ts'

/** Options of a pipeline that runs in the page. */
export interface InPage {
  readonly mirror: MirrorPlace | undefined
  /** The page's own channel, which the pipeline shares. */
  readonly channel: Channel | undefined
  /** Called with the pipeline once it is open. */
  readonly opened: ((shop: Workshop) => void) | undefined
}

/**
 * Runs the host in this page until the signal aborts. A Web Lock lets only one tab at a time follow the log. That saves
 * work; correctness does not depend on it.
 */
export function hostInPage(
  model: AnyModel,
  engine: string,
  { mirror, channel, opened }: InPage,
  signal: AbortSignal,
): ProjectionHost {
  const host = createHost(model, randomId(), {
    loadTables: tablesPart.load,
    loadMirror: copies.keepLoading,
    listen: channel && ((_, receive) => channel.share(receive)),
    ...(opened && { opened: ({ shop }) => opened(shop) }),
  })
  const runPipeline = async (): Promise<void> => {
    // The lock may be granted just before the abort cancels the request.
    if (signal.aborted) return
    const closed = new Promise((resolve) => signal.addEventListener('abort', resolve))
    await host.hello(engine, model.name, mirror)
    await closed
  }
  signal.addEventListener('abort', () => void host.goodbye(engine))
  if (globalThis.navigator?.locks)
    navigator.locks.request(lockName('pipeline', engine), { signal }, runPipeline).catch(() => {})
  else void runPipeline()
  return host
}

/** Models about whose worker a warning was printed. */
const warned = new Set<string>()

/** Warns once per model, in production too: nothing else shows that a bundler left out the worker's script. */
export function warnOfNoWorker(model: string, error: unknown): void {
  if (warned.has(model)) return
  warned.add(model)
  console.warn(
    `tidemark: the worker of "${model}" could not be started. ${error} ` +
      'The pipeline runs in the page instead: nothing is lost, but the page does its work, and only while it is open. ' +
      'Read "Bundlers" in the guide of tidemark, under deploying.',
  )
}
