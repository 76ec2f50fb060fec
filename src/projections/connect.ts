import { releaseProxy, wrap } from 'comlink'
import { aborting, sleep } from '../async.ts'
import type { MirrorPlace } from '../copies/mirrorPlace.ts'
import { copies } from '../copies/part.ts'
import { EngineClosed } from '../errors.ts'
import { randomId } from '../ids.ts'
import { lockName } from '../locks.ts'
import type { Channel } from '../log/channel.ts'
import { fromWire } from '../log/wire.ts'
import type { AnyModel } from '../model/model.ts'
import type { ProjectionHost, Reply } from './host.ts'
import { pipeline } from './part.ts'
import { tablesPart } from './tablesPart.ts'
import type { Checkpoints, Workshop } from './workshop.ts'

/** Milliseconds that a worker has to answer. One that died after more had served for a while. */
const HELLO_MS = 5000
/** Failures to start a worker after which the pipeline runs in the page. */
const MOST_FAILURES = 6
/** What a silent worker counts: each costs a whole deadline, so a second one is the last. */
const SILENCE = 3
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

interface Connected {
  readonly host: ProjectionHost
  readonly epoch?: string
  /** Aborts when the worker is dead. */
  readonly dead?: AbortSignal
  readonly release?: () => void
}

export function connectHost(
  model: AnyModel,
  engine: string,
  spawn: (() => SharedWorker) | undefined,
  mirror: MirrorPlace | undefined,
  changed: (worker: 'shared' | 'in-page' | 'none', error?: unknown) => void,
  channel?: Channel,
  opened?: (shop: Workshop) => void,
): HostConnection {
  const closing = new AbortController()
  const { signal } = closing
  let failures = 0
  /** Times in a row that no connection could be made. */
  let loads = 0
  let inPage: ProjectionHost | undefined
  /** The last connection that could not be made. */
  let failed: Promise<Connected> | undefined
  /** What a worker knows this tab by. */
  const holder = randomId()
  let holding: Promise<void> | undefined
  let current = connect()

  function renew(error?: unknown): void {
    current = connect(error)
  }

  /** A connection that could not be made rejects for those who wait; whoever asks next, or a while, makes another. */
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

  async function attempt(error: unknown): Promise<Connected> {
    if (!spawn || typeof SharedWorker === 'undefined') return { host: await here() }
    for (;;) {
      if (error) {
        if (failures >= MOST_FAILURES) return { host: await here(error) }
        await sleep(RESPAWN_MS * 2 ** Math.max(0, failures - 1), signal)
      }
      const before = failures
      try {
        return await shared(spawn)
      } catch (failure) {
        signal.throwIfAborted()
        // Every attempt counts, so that this loop ends.
        failures = Math.max(failures, before + 1)
        error = failure
      }
    }
  }

  async function shared(spawn: () => SharedWorker): Promise<Connected> {
    const worker = start(spawn)
    const remote = wrap<ProjectionHost>(worker.port)
    const host: ProjectionHost = remote
    const release = (): void => {
      // Forgets who waits for an answer: Chromium keeps a page's end of a worker for as long as that lives.
      remote[releaseProxy]()
      worker.port.close()
    }
    let timer: ReturnType<typeof setTimeout> | undefined
    try {
      const failed = new Promise<never>((_, reject) => {
        worker.onerror = (event) => {
          worker.onerror = null
          reject(
            new Error(
              `The worker script failed: ${(event as ErrorEvent).message ?? event.type}` +
                (__DEV__ ? `. Is it where the \`worker\` option says, and a module: { type: 'module' }?` : ''),
            ),
          )
        }
        timer = setTimeout(() => {
          failures += SILENCE
          reject(
            new Error(
              `The worker did not answer within ${HELLO_MS} ms.` +
                (__DEV__ ? ` Does its script call hostProjections(), and is it a module: { type: 'module' }?` : ''),
            ),
          )
        }, HELLO_MS)
      })
      const greeting = alive().then(() => host.hello(engine, model.name, mirror, holder))
      const reply = await aborting(Promise.race([greeting, failed]), signal)
      const { epoch, error } = reply
      if (error) {
        // It answers, but for another model: asking again would not help.
        failures = MOST_FAILURES
        throw new Error(`The worker script hosts "${error.message}", not "${model.name}": each model needs its own.`)
      }
      const began = performance.now()
      const dead = new AbortController()
      const end = (): void => dead.abort(signal.reason)
      signal.addEventListener('abort', end, { once: true })
      // The worker holds this lock while it lives.
      navigator.locks
        ?.request(lockName('worker', epoch), { signal }, () => {
          release()
          signal.removeEventListener('abort', end)
          const death = new Error('The worker died.')
          dead.abort(death)
          // One that served for a while is another matter than one that dies at each start.
          failures = performance.now() - began > HELLO_MS ? 1 : failures + 1
          renew(death)
        })
        .catch(() => {})
      changed('shared')
      const leave = (): void => {
        host.goodbye(engine, holder).catch(() => {})
        release()
      }
      return { host, epoch, dead: dead.signal, release: leave }
    } catch (error) {
      release()
      throw error
    } finally {
      clearTimeout(timer)
      // For the same reason: what this listener knows is the whole engine.
      worker.onerror = null
    }
  }

  /** Resolves when this tab holds the lock by whose end a worker learns that it is gone; it holds it until the connection closes. */
  function alive(): Promise<void> {
    holding ??= new Promise((resolve) => {
      const closed = new Promise((end) => signal.addEventListener('abort', end, { once: true }))
      const held = (): Promise<unknown> => {
        resolve()
        return closed
      }
      const locks = globalThis.navigator?.locks
      if (locks) locks.request(lockName('holder', holder), { signal }, held).catch(() => resolve())
      else resolve()
    })
    return holding
  }

  function start(spawn: () => SharedWorker): SharedWorker {
    try {
      const worker = typeof spawn === 'function' || !__DEV__ ? spawn() : undefined
      if (__DEV__ && !worker?.port) throw new TypeError('`worker` is a function that gives a SharedWorker')
      return worker!
    } catch (error) {
      // Asking again would not help.
      failures = MOST_FAILURES
      throw error
    }
  }

  /** The same host in this page. A Web Lock lets one tab at a time follow the log: that saves work, it is not needed. */
  async function here(error?: unknown): Promise<ProjectionHost> {
    if (error) warnOnce(model.name, error)
    const { createHost } = await pipeline.load(signal)
    loads = 0
    if (inPage) return inPage
    const host = createHost(model, randomId(), {
      loadTables: tablesPart.load,
      loadMirror: copies.load,
      listen: channel && ((_, receive) => channel.share(receive)),
      ...(opened && { opened: ({ shop }) => opened(shop) }),
    })
    inPage = host
    const follow = async (): Promise<void> => {
      // The lock may have been granted before it was taken back.
      if (signal.aborted) return
      const left = new Promise((resolve) => signal.addEventListener('abort', resolve))
      await host.hello(engine, model.name, mirror)
      await left
    }
    signal.addEventListener('abort', () => void host.goodbye(engine))
    if (globalThis.navigator?.locks)
      navigator.locks.request(lockName('pipeline', engine), { signal }, follow).catch(() => {})
    else void follow()
    changed('in-page', error)
    return host
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

/** Models whose worker could not be started, and whose developer has been told. */
const warned = new Set<string>()

/** In production, too: nothing else shows that a bundler left out the worker's script. */
function warnOnce(model: string, error: unknown): void {
  if (warned.has(model)) return
  warned.add(model)
  console.warn(
    `tidemark: the worker of "${model}" could not be started. ${error} ` +
      'The pipeline runs in the page instead: nothing is lost, but the page does its work, and only while it is open. ' +
      'Read "Bundlers" in the guide of tidemark, under deploying.',
  )
}

function unwrap<T>({ value, error }: Reply<T>): T {
  if (error) throw fromWire(error)
  return value as T
}
