import { sleep } from '../async.ts'
import type { MirrorPlace } from '../copies/mirrorPlace.ts'
import type { Channel } from '../log/channel.ts'
import type { AnyModel } from '../model/model.ts'
import { holdAsGuest } from './hold.ts'
import type { ProjectionHost } from './host.ts'
import { pipeline } from './part.ts'
import { type Guest, HELLO_MS, NotAnswered, type RunningWorker, startWorker } from './startWorker.ts'
import type { Workshop } from './workshop.ts'

/** Failures to start a worker after which the pipeline runs in the page. */
const MOST_FAILURES = 6
/** Milliseconds before the first new worker; twice as long before each later one. */
const RESPAWN_MS = 100
/** Milliseconds before the pipeline's code is asked for again; twice as long each time, up to the most. */
const RELOAD_MS = 1000
const RELOAD_MAX_MS = 30_000

/** What a tab gives its host, and how it hears of it. */
export interface ConnectOptions extends Pick<Guest, 'booted' | 'lend'> {
  readonly spawn?: (() => SharedWorker) | undefined
  readonly mirror?: MirrorPlace | undefined
  /** Told where the pipeline runs now. */
  changed(worker: 'shared' | 'in-page' | 'none', error?: unknown): void
  /** The tab's own, for a pipeline in its page. */
  readonly channel?: Channel | undefined
  /** Called with a pipeline in this page once it is open. */
  readonly opened?: ((shop: Workshop) => void) | undefined
  /** Resolves when the first worker may be started. */
  readonly ready?: Promise<void> | undefined
}

/** The host that answers: a worker's, or the page's own, which has no epoch and does not die. */
type Connected =
  | RunningWorker
  | { readonly host: ProjectionHost; readonly epoch?: never; readonly dead?: never; release?(): void }

/** Has a host at any time, or is about to have one. */
export interface HostSource {
  /** The connection, or the present attempt at one. */
  readonly current: Promise<Connected>
  /** The same, for somebody who asks: an attempt that failed is made again. */
  asked(): Promise<Connected>
  /** Lets this connection go for a new one. */
  renew(connection: Promise<Connected>): void
}

/** Starts the worker, another one whenever it died, and in the end the pipeline in this page. `holder` is what a worker knows the tab by. */
export function createConnecting(
  model: AnyModel,
  engine: string,
  { spawn, mirror, changed, channel, opened, ready, booted, lend }: ConnectOptions,
  holder: string,
  signal: AbortSignal,
): HostSource {
  /** Of workers, in a row. */
  let failures = 0
  /** Times in a row that no connection could be made. */
  let loads = 0
  let inPage: ProjectionHost | undefined
  /** The last connection that could not be made. */
  let failed: Promise<Connected> | undefined
  let holds: Promise<void> | undefined
  let current = connect()

  /** A connection that could not be made rejects for those who wait. The next caller makes another, or a timer does. */
  function connect(error?: unknown): Promise<Connected> {
    const connected = attempt(error)
    connected.catch((failure) => {
      if (signal.aborted) return
      failed = connected
      changed('none', failure)
      const wait = Math.min(RELOAD_MS * 2 ** loads++, RELOAD_MAX_MS)
      sleep(wait, signal).then(
        () => renew(connected),
        () => {},
      )
    })
    return connected
  }

  function renew(connection: Promise<Connected>): void {
    if (current === connection) current = connect()
  }

  async function attempt(given: unknown): Promise<Connected> {
    let error = given
    await ready
    signal.throwIfAborted()
    if (!spawn || typeof SharedWorker === 'undefined') return here()
    for (;;) {
      if (error) {
        if (failures >= MOST_FAILURES) return here(error)
        await sleep(RESPAWN_MS * 2 ** Math.max(0, failures - 1), signal)
      }
      try {
        return await shared(spawn)
      } catch (failure) {
        signal.throwIfAborted()
        // Every attempt counts, so that this loop ends.
        failures += failure instanceof NotAnswered ? failure.counts : 1
        error = failure instanceof NotAnswered ? failure.cause : failure
      }
    }
  }

  async function shared(spawn: () => SharedWorker): Promise<Connected> {
    holds ??= holdAsGuest(holder, signal)
    let since = Infinity
    const worker = await startWorker(
      spawn,
      { engine, model: model.name, mirror, holder, booted, lend },
      holds,
      signal,
      (death) => {
        // One that served for a while is another matter than one that dies at each start.
        failures = performance.now() - since > HELLO_MS ? 1 : failures + 1
        current = connect(death)
      },
    )
    since = performance.now()
    changed('shared')
    return worker
  }

  async function here(error?: unknown): Promise<Connected> {
    const { hostInPage, warnOfNoWorker } = await pipeline.load(signal)
    if (error) warnOfNoWorker(model.name, error)
    const host = inPage ?? hostInPage(model, engine, { mirror, channel, opened }, signal)
    loads = 0
    if (!inPage) changed('in-page', error)
    inPage = host
    return { host }
  }

  return {
    get current() {
      return current
    },
    asked() {
      if (failed) renew(failed)
      return current
    },
    renew,
  }
}
