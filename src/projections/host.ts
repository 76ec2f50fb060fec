import type { MirrorPlace } from '../copies/files.ts'
import type { EngineClosed } from '../errors.ts'
import { toWire, type WireError } from '../log/wire.ts'
import type { AnyModel } from '../model/model.ts'
import { type Checkpoints, createPipeline, type Pipeline } from './pipeline.ts'

/** What a reply carries: whose it is (a worker that was run again has another epoch) and a value or an error. */
export interface Reply<T> {
  readonly epoch: string
  readonly value?: T
  readonly error?: WireError
}

/** The pipelines of one model, by engine name. The same object serves in the page and, wrapped by Comlink, across a port. */
export interface ProjectionHost {
  /** Starts the pipeline of this engine. For another model than the host's the error is that one's name. */
  hello(engine: string, model: string, mirror?: MirrorPlace): Promise<Reply<void>>
  flush(engine: string): Promise<Reply<Checkpoints>>
  rebuild(engine: string, id: string, projections?: readonly string[]): Promise<Reply<void>>
  cancel(engine: string, id: string): Promise<Reply<void>>
  goodbye(engine: string): Promise<void>
}

export function createHost(model: AnyModel, epoch: string): ProjectionHost {
  const pipelines = new Map<string, Promise<Pipeline>>()
  /** The one tab of a host that runs in its page. */
  let left: boolean | undefined

  /** A pipeline that never opened, or whose log was replaced, is made anew for whoever asks next. */
  async function answer<T>(engine: string, ask: (pipeline: Pipeline) => Promise<T>): Promise<Reply<T>> {
    const known = pipelines.get(engine)
    const pipeline = known ?? createPipeline(model, engine)
    pipelines.set(engine, pipeline)
    let open: Pipeline | undefined
    try {
      open = await pipeline
      return { epoch, value: await ask(open) }
    } catch (error) {
      const { reason } = (error ?? {}) as EngineClosed
      if ((!open || reason) && pipelines.get(engine) === pipeline) await end(engine)
      // Of the log before this one: whoever asks may well mean the one that stands there now.
      if (known && !left && reason === 'log replaced') return answer(engine, ask)
      return { epoch, error: toWire(error) }
    }
  }

  async function end(engine: string): Promise<void> {
    const pipeline = pipelines.get(engine)
    pipelines.delete(engine)
    await pipeline?.then(
      (open) => open.close(),
      () => {},
    )
  }

  return {
    async hello(engine, name, mirror) {
      if (name !== model.name) return { epoch, error: toWire(new Error(model.name)) }
      // Not awaited: a first fold of a long log takes its time, and a worker that answers is alive. A flush reads the log, so
      // that a pipeline of one that was lost is found out and made anew.
      void answer(engine, ({ flush, shop }) =>
        flush().finally(async () => mirror !== false && (await import('../copies/mirror.ts')).start(shop, mirror)),
      )
      return { epoch }
    },
    flush: (engine) => answer(engine, (pipeline) => pipeline.flush()),
    rebuild: (engine, ...given) =>
      answer(engine, async ({ shop }) => (await import('./rebuild.ts')).rebuild(shop, ...given)),
    cancel: (engine, ...given) => answer(engine, async () => (await import('./rebuild.ts')).cancel(...given)),
    goodbye(engine) {
      left = true
      return end(engine)
    },
  }
}
