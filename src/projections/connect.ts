import { aborting, sleep } from '../async.ts'
import type { MirrorPlace } from '../copies/mirrorPlace.ts'
import { EngineClosed } from '../errors.ts'
import { randomId } from '../ids.ts'
import type { Channel } from '../log/channel.ts'
import { fromWire } from '../log/wire.ts'
import type { AnyModel } from '../model/model.ts'
import { holdAsGuest } from './hold.ts'
import type { ProjectionHost, Reply } from './host.ts'
import { hostInPage, warnOfNoWorker } from './inPage.ts'
import { type Guest, HELLO_MS, NotAnswered, type RunningWorker, startWorker } from './startWorker.ts'
import type { Checkpoints, Workshop } from './workshop.ts'

/** Failures to start a worker after which the pipeline runs in the page. */
const MOST_FAILURES = 6
/** Milliseconds before the first new worker; twice as long before each later one. */
const RESPAWN_MS = 100
/** Milliseconds before the pipeline's code is asked for again; twice as long each time, up to the most. */
const RELOAD_MS = 1000
const RELOAD_MAX_MS = 30_000

/** A tab's side of the projection host: finds out that a worker died, starts another, and in the end does the work here. */
export interface HostConnection {
  flush(): Promise<Checkpoints>
  rebuild(id: string, projections?: readonly string[]): Promise<void>
  cancel(id: string): Promise<void>
  /** The mirror may be written now. */
  resume(mirror: MirrorPlace): Promise<void>
  close(): void
}

/** The host that answers: a worker's, or the page's own, which has no epoch and does not die. */
type Connected =
  | RunningWorker
  | { readonly host: ProjectionHost; readonly epoch?: never; readonly dead?: never; release?(): void }

/** `ready`: resolves when the first worker may be started. */
export function connectHost(
  model: AnyModel,
  engine: string,
  spawn: (() => SharedWorker) | undefined,
  mirror: MirrorPlace | undefined,
  changed: (worker: 'shared' | 'in-page' | 'none', error?: unknown) => void,
  channel?: Channel,
  opened?: (shop: Workshop) => void,
  ready?: Promise<void>,
  page: Pick<Guest, 'booted' | 'lend'> = {},
): HostConnection {
  const closing = new AbortController()
  const { signal } = closing
  /** Of workers, in a row. */
  let failures = 0
  /** Times in a row that no connection could be made. */
  let loads = 0
  let inPage: ProjectionHost | undefined
  /** The last connection that could not be made. */
  let failed: Promise<Connected> | undefined
  /** What a worker knows this tab by. */
  const holder = randomId()
  let holds: Promise<void> | undefined
  let current = connect()

  function renew(error?: unknown): void {
    current = connect(error)
  }

  /** A connection that could not be made rejects for those who wait. The next caller makes another, or a timer does. */
  function connect(error?: unknown): Promise<Connected> {
    const connected = attempt(error)
    connected.catch((failure) => {
      if (signal.aborted) return
      failed = connected
      changed('none', failure)
      const wait = Math.min(RELOAD_MS * 2 ** loads++, RELOAD_MAX_MS)
      sleep(wait, signal).then(
        () => current === connected && renew(),
        () => {},
      )
    })
    return connected
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
      { engine, model: model.name, mirror, holder, ...page },
      holds,
      signal,
      (death) => {
        // One that served for a while is another matter than one that dies at each start.
        failures = performance.now() - since > HELLO_MS ? 1 : failures + 1
        renew(death)
      },
    )
    since = performance.now()
    changed('shared')
    return worker
  }

  async function here(error?: unknown): Promise<Connected> {
    if (error) warnOfNoWorker(model.name, error)
    const host = inPage ?? (await hostInPage(model, engine, { mirror, channel, opened }, signal))
    loads = 0
    if (!inPage) changed('in-page', error)
    inPage = host
    return { host }
  }

  /** Asks the host that is alive; one that dies meanwhile is replaced and asked again. */
  async function ask<T>(question: (host: ProjectionHost) => Promise<Reply<T>>): Promise<T> {
    for (;;) {
      if (current === failed) renew()
      const asked = current
      const { host, dead = signal, epoch } = await aborting(asked, signal)
      signal.throwIfAborted()
      try {
        const reply = await aborting(question(host), dead)
        // The script was run again on the same port, with nothing of what it knew (WebKit): introduce this engine anew.
        if (epoch && reply.epoch !== epoch && current === asked) renew()
        return unwrap(reply)
      } catch (error) {
        if (current === asked || signal.aborted) throw error
      }
    }
  }

  return {
    flush: () => ask((host) => host.flush(engine)),
    rebuild: (id, projections) => ask((host) => host.rebuild(engine, id, projections)),
    cancel: (id) => ask((host) => host.cancel(engine, id)),
    resume: (mirror) => ask((host) => host.hello(engine, model.name, mirror, holder)),
    close() {
      const connected = current
      closing.abort(new EngineClosed('closed'))
      connected.then(({ release }) => release?.()).catch(() => {})
    },
  }
}

function unwrap<T>({ value, error }: Reply<T>): T {
  if (error) throw fromWire(error)
  return value as T
}
