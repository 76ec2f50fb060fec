import { releaseProxy, transfer, wrap } from 'comlink'
import { aborting } from '../async.ts'
import type { MirrorPlace } from '../copies/mirrorPlace.ts'
import { lockName } from '../locks.ts'
import type { ProjectionHost } from './host.ts'

/** Milliseconds that a worker has to answer. */
export const HELLO_MS = 5000
/** What a silent worker counts: each costs a whole deadline, so a second one is the last. */
const SILENCE = 3

/** What a worker learns of a tab. */
export interface Guest {
  readonly engine: string
  readonly model: string
  readonly mirror: MirrorPlace | undefined
  /** The id of the lock by whose end a worker learns that the tab is gone. */
  readonly holder: string
  /** The head of the log when it opened it. */
  readonly booted?: number | undefined
  /** Gives the end of a port at whose other end the tab answers for its app. */
  readonly lend?: (() => MessagePort) | undefined
}

/** A worker that answered. */
export interface RunningWorker {
  readonly host: ProjectionHost
  readonly epoch: string
  /** Aborts when the worker is dead. */
  readonly dead: AbortSignal
  /** Says goodbye and lets the worker go. */
  release(): void
}

/** Why there is no answer (`cause`), and as how many failures that counts: as all, if asking again would not help. */
export class NotAnswered extends Error {
  readonly counts: number
  constructor(cause: unknown, counts: number) {
    super('no answer', { cause })
    this.counts = counts
  }
}

/**
 * Starts a worker and introduces this tab once it `holds` its lock. Rejects with NotAnswered, or with any other error of the port.
 * `died` is told when a worker that has answered is dead.
 */
export async function startWorker(
  spawn: () => SharedWorker,
  guest: Guest,
  holds: Promise<void>,
  signal: AbortSignal,
  died: (death: Error) => void,
): Promise<RunningWorker> {
  const worker = spawned(spawn)
  const remote = wrap<ProjectionHost>(worker.port)
  const host: ProjectionHost = remote
  const { engine, model, mirror, holder, booted, lend } = guest
  const port = lend?.()
  const letGo = (): void => {
    // Forgets who waits for an answer: Chromium keeps a page's end of a worker for as long as that lives.
    remote[releaseProxy]()
    worker.port.close()
  }
  const silent = new AbortController()
  const timer = setTimeout(() => silent.abort(new NotAnswered(silence(), SILENCE)), HELLO_MS)
  try {
    const greeting = holds.then(() => host.hello(engine, model, mirror, holder, booted, port && transfer(port, [port])))
    const first = aborting(Promise.race([greeting, workerFailureOf(worker)]), silent.signal)
    const { epoch, error } = await aborting(first, signal)
    if (error) throw new NotAnswered(otherModel(error.message, model), Infinity)
    const release = (): void => {
      host.goodbye(engine, holder).catch(() => {})
      letGo()
    }
    return { host, epoch, dead: deathOf(epoch, signal, letGo, died), release }
  } catch (error) {
    letGo()
    throw error
  } finally {
    clearTimeout(timer)
    // For the same reason: what this listener knows is the whole engine.
    worker.onerror = null
  }
}

function spawned(spawn: () => SharedWorker): SharedWorker {
  try {
    const worker = typeof spawn === 'function' || !__DEV__ ? spawn() : undefined
    if (__DEV__ && !worker?.port) throw new TypeError('`worker` is a function that gives a SharedWorker')
    return worker!
  } catch (error) {
    throw new NotAnswered(error, Infinity)
  }
}

/** Rejects if the script can't be loaded or run. */
function workerFailureOf(worker: SharedWorker): Promise<never> {
  return new Promise((_, reject) => {
    worker.onerror = (event) => {
      worker.onerror = null
      reject(
        new Error(
          `The worker script failed: ${event.message ?? event.type}` +
            (__DEV__ ? `. Is it where the \`worker\` option says, and a module: { type: 'module' }?` : ''),
        ),
      )
    }
  })
}

const silence = (): Error =>
  new Error(
    `The worker did not answer within ${HELLO_MS} ms.` +
      (__DEV__ ? ` Does its script call hostProjections(), and is it a module: { type: 'module' }?` : ''),
  )

const otherModel = (hosted: string, model: string): Error =>
  new Error(`The worker script hosts "${hosted}", not "${model}": each model needs its own.`)

/** Aborts when this worker is dead, which holds a lock while it lives, or when nobody wants to know any more. */
function deathOf(epoch: string, signal: AbortSignal, letGo: () => void, died: (death: Error) => void): AbortSignal {
  const dead = new AbortController()
  const end = (): void => dead.abort(signal.reason)
  signal.addEventListener('abort', end, { once: true })
  navigator.locks
    ?.request(lockName('worker', epoch), { signal }, () => {
      letGo()
      signal.removeEventListener('abort', end)
      const death = new Error('The worker died.')
      dead.abort(death)
      died(death)
    })
    .catch(() => {})
  return dead.signal
}
