import { wrap } from 'comlink'
import { EngineClosed } from '../errors.ts'
import { fromWire } from '../log/wire.ts'
import type { AnyModel } from '../model/model.ts'
import type { ProjectionHost, Reply } from './host.ts'
import type { Checkpoints } from './pipeline.ts'

const HELLO_DEADLINE = 5000
const RESPAWNS = 5

/** A tab's side of the projection host: finds out that a worker died, starts another, and in the end does the work here. */
export interface HostConnection {
  flush(): Promise<Checkpoints>
  rebuild(id: string, projections?: readonly string[]): Promise<void>
  cancel(id: string): Promise<void>
  close(): void
}

export function connectHost(
  model: AnyModel,
  engine: string,
  spawn: (() => SharedWorker) | undefined,
  changed: (worker: 'shared' | 'in-page', error?: unknown) => void,
): HostConnection {
  const closing = new AbortController()
  const { signal } = closing
  let respawns = 0
  let inPage: Promise<ProjectionHost> | undefined
  let current = connect()

  async function connect(error?: unknown): Promise<{ host: ProjectionHost; dead: Promise<never>; epoch?: string }> {
    const never = new Promise<never>(() => {})
    if (!spawn || typeof SharedWorker === 'undefined') return { host: await here(), dead: never }
    for (;;) {
      if (error) {
        signal.throwIfAborted()
        if (++respawns > RESPAWNS) return { host: await here(error), dead: never }
        await new Promise((resolve) => setTimeout(resolve, 50 * 2 ** respawns))
      }
      try {
        return await shared(spawn)
      } catch (failure) {
        error = failure
      }
    }
  }

  async function shared(
    spawn: () => SharedWorker,
  ): Promise<{ host: ProjectionHost; dead: Promise<never>; epoch: string }> {
    const worker = spawn()
    const host = wrap<ProjectionHost>(worker.port)
    const release = (): void => worker.port.close()
    signal.addEventListener('abort', release)
    try {
      const { epoch, error } = await new Promise<Reply<void>>((resolve, reject) => {
        worker.onerror = (event) =>
          reject(new Error(`The worker script failed: ${(event as ErrorEvent).message ?? event.type}`))
        setTimeout(reject, HELLO_DEADLINE, new Error(`The worker did not answer within ${HELLO_DEADLINE} ms.`))
        signal.addEventListener('abort', () => reject(new EngineClosed('closed')))
        host.hello(engine, model.name).then(resolve, reject)
      })
      if (error) {
        // It answers, but for another model: asking again would not help.
        respawns = RESPAWNS
        unwrap({ epoch, error })
      }
      changed('shared')
      const began = performance.now()
      const dead = new Promise<never>((_, reject) => {
        // The worker holds this lock while it lives.
        navigator.locks
          ?.request(`tidemark:worker:${epoch}`, { signal }, () => {
            release()
            const error = new Error('The worker died.')
            reject(error)
            // One that served for a while is another matter than one that dies at each start.
            if (performance.now() - began > HELLO_DEADLINE) respawns = 0
            current = connect(error)
            current.catch(() => {})
          })
          .catch(() => {})
      })
      dead.catch(() => {})
      return { host: host as unknown as ProjectionHost, dead, epoch }
    } catch (error) {
      release()
      signal.removeEventListener('abort', release)
      throw error
    }
  }

  /** The same host in this page. A Web Lock lets one tab at a time follow the log: that saves work, it is not needed. */
  function here(error?: unknown): Promise<ProjectionHost> {
    inPage ??= import('./host.ts').then(({ createHost }) => {
      const host = createHost(model)
      const follow = async (): Promise<void> => {
        await host.hello(engine, model.name)
        await new Promise((resolve) => signal.addEventListener('abort', resolve))
      }
      signal.addEventListener('abort', () => void host.goodbye(engine))
      if (!signal.aborted) {
        if (globalThis.navigator?.locks)
          navigator.locks.request(`tidemark:pipeline:${engine}`, { signal }, follow).catch(() => {})
        else void follow()
        changed('in-page', error)
      }
      return host
    })
    return inPage
  }

  /** Asks the host that is alive; one that dies meanwhile is replaced and asked again. */
  async function ask<T>(question: (host: ProjectionHost) => Promise<Reply<T>>): Promise<T> {
    for (;;) {
      const asked = current
      const { host, dead, epoch } = await asked
      try {
        const reply = await Promise.race([question(host), dead])
        // The script was run again on the same port, with nothing of what it knew (WebKit): introduce this engine anew.
        if (epoch && reply.epoch !== epoch && current === asked) current = connect()
        return unwrap(reply)
      } catch (error) {
        if (current === asked || signal.aborted) throw error
      }
    }
  }

  current.catch(() => {})
  return {
    flush: () => ask((host) => host.flush(engine)),
    rebuild: (id, projections) => ask((host) => host.rebuild(engine, id, projections)),
    cancel: (id) => ask((host) => host.cancel(engine, id)),
    close() {
      closing.abort(new EngineClosed('closed'))
    },
  }
}

function unwrap<T>({ value, error }: Reply<T>): T {
  if (error) throw fromWire(error)
  return value as T
}
