import { sleep } from '../async.ts'
import type { MirrorPlace } from '../copies/mirrorPlace.ts'
import type { Channel } from '../log/channel.ts'
import type { AnyModel } from '../model/model.ts'
import { holdAsGuest } from './hold.ts'
import type { ProjectionHost } from './host.ts'
import { pipeline } from './part.ts'
import { type Guest, HELLO_MS, NotAnswered, type RunningWorker, startWorker } from './startWorker.ts'
import type { Workshop } from './workshop.ts'

/** After this many failed starts in a row, the pipeline runs in the page. */
const MOST_FAILURES = 6
/** Milliseconds before the first new worker; twice as long before each later one. */
const RESPAWN_MS = 100
/** Milliseconds before the pipeline's code is loaded again; doubled after each failure, up to the maximum. */
const RELOAD_MS = 1000
const RELOAD_MAX_MS = 30_000

/** What a tab passes to its host, and the callbacks by which the host's state reaches the tab. */
export interface ConnectOptions extends Pick<Guest, 'booted' | 'lend'> {
  readonly spawn?: (() => SharedWorker) | undefined
  readonly mirror?: MirrorPlace | undefined
  /** Called when the pipeline runs somewhere else than before. */
  changed(worker: 'shared' | 'in-page' | 'none', error?: unknown): void
  /** The tab's own channel, which a pipeline in the same page shares. */
  readonly channel?: Channel | undefined
  /** Called with a pipeline in this page once it is open. */
  readonly opened?: ((shop: Workshop) => void) | undefined
  /** Resolves when the first worker may be started. A question starts it earlier. */
  readonly ready?: Promise<void> | undefined
}

/** A host that answers: a worker's, or one in the page, which has no epoch and does not die. */
type Connected =
  | RunningWorker
  | { readonly host: ProjectionHost; readonly epoch?: never; readonly dead?: never; release?(): void }

/** Keeps one connection to a host, and makes a new one when the host is lost. */
export interface HostSource {
  /** The connection, or the attempt that is under way. */
  readonly current: Promise<Connected>
  /** Like `current`, but starts a new attempt if the last one failed. For callers that have a question. */
  asked(): Promise<Connected>
  /** Replaces this connection by a new one, if it is still the current one. */
  renew(connection: Promise<Connected>): void
}

/**
 * Starts the worker, and a new one whenever it dies. After too many failures the pipeline runs in this page. `holder`
 * is the id by which a worker knows this tab.
 */
export function createConnecting(
  model: AnyModel,
  engine: string,
  { spawn, mirror, changed, channel, opened, ready, booted, lend }: ConnectOptions,
  holder: string,
  signal: AbortSignal,
): HostSource {
  /** Workers that failed in a row. */
  let failures = 0
  /** Connections that failed in a row. */
  let loads = 0
  let inPage: ProjectionHost | undefined
  /** The last connection that failed. */
  let failed: Promise<Connected> | undefined
  let holds: Promise<void> | undefined
  let hurry: (() => void) | undefined
  const hurried = new Promise<void>((resolve) => {
    hurry = resolve
  })
  let current = connect()

  /**
   * A connection that fails rejects for the callers that wait for it. The next caller or a timer starts another one.
   */
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
    await Promise.race([ready, hurried])
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
        // Every failure counts as at least one, so that this loop ends.
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
        // A worker that ran for a while resets the count; only workers that die right after their start add up.
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
      hurry?.()
      if (failed) renew(failed)
      return current
    },
    renew,
  }
}
