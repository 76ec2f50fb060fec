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
  /** Starts the pipeline of this engine. Refused for another model than the host's. */
  hello(engine: string, model: string): Promise<Reply<void>>
  flush(engine: string): Promise<Reply<Checkpoints>>
  rebuild(engine: string, id: string, projections?: readonly string[]): Promise<Reply<void>>
  cancel(engine: string, id: string): Promise<Reply<void>>
  goodbye(engine: string): Promise<void>
}

export function createHost(model: AnyModel, epoch: string): ProjectionHost {
  const pipelines = new Map<string, Promise<Pipeline>>()

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
      const { name, reason } = (error ?? {}) as EngineClosed
      if ((!open || name === 'EngineClosed') && pipelines.get(engine) === pipeline) await end(engine)
      // Of the log before this one: whoever asks may well mean the one that stands there now.
      if (known && reason === 'log replaced') return answer(engine, ask)
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
    async hello(engine, name) {
      if (name !== model.name) return { epoch, error: toWire(new Error(`hosts "${model.name}"`)) }
      // Not awaited: a first fold of a long log takes its time, and a worker that answers is alive.
      void answer(engine, (pipeline) => pipeline.catchUp())
      return { epoch }
    },
    flush: (engine) => answer(engine, (pipeline) => pipeline.flush()),
    rebuild: (engine, id, projections) => answer(engine, (pipeline) => pipeline.rebuild(id, projections)),
    cancel: (engine, id) => answer(engine, (pipeline) => pipeline.cancel(id)),
    goodbye: end,
  }
}
