import { releaseProxy, transfer, wrap } from 'comlink'
import { aborting } from '../async.ts'
import type { MirrorPlace } from '../copies/mirrorPlace.ts'
import { lockName } from '../locks.ts'
import type { ProjectionHost } from './host.ts'

/** Milliseconds that a worker has to answer the first message. */
export const HELLO_MS = 5000
/** A silent worker counts as this many failures: each costs a whole deadline, so the second one is the last attempt. */
const SILENCE = 3

/** What a tab tells a worker about itself. */
export interface Guest {
  readonly engine: string
  readonly model: string
  readonly mirror: MirrorPlace | undefined
  /** The id of the tab's lock. When the lock is free, the worker knows that the tab is gone. */
  readonly holder: string
  /** The head of the log when the tab opened it. */
  readonly booted?: number | undefined
  /** Returns one end of a new message channel. The tab answers questions to its app at the other end. */
  readonly lend?: (() => MessagePort) | undefined
}

/** A worker that answered. */
export interface RunningWorker {
  readonly host: ProjectionHost
  readonly epoch: string
  /** Aborts when the worker is dead. */
  readonly dead: AbortSignal
  /** Says goodbye to the worker and closes the port. */
  release(): void
}

/**
 * A worker gave no answer. `cause` is the reason. `counts` is the number of failures it counts as: Infinity if retrying
 * can't help.
 */
export class NotAnswered extends Error {
  readonly counts: number
  constructor(cause: unknown, counts: number) {
    super('no answer', { cause })
    this.counts = counts
  }
}

/**
 * Starts a worker and says hello once this tab holds its lock (`holds`). Rejects with NotAnswered, or with an error of
 * the port. Calls `died` when a worker that has answered is dead.
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
    // Chromium keeps a page's end of the port as long as the worker lives. Releasing it frees the waiting callers.
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
    // Removed for the same reason: this listener's closure reaches the whole engine.
    worker.onerror = null
  }
}

function spawned(spawn: () => SharedWorker): SharedWorker {
  try {
    const worker = typeof spawn === 'function' || !__DEV__ ? spawn() : undefined
    if (__DEV__ && !worker?.port)
      throw new TypeError('`worker` did not give a SharedWorker. Pass a function that returns a new one')
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

/** Aborts when this worker is dead or `signal` aborts. The worker holds a lock while it lives. */
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
