import type { start } from '../copies/mirror.ts'
import type { MirrorPlace } from '../copies/mirrorPlace.ts'
import type { EngineClosed } from '../errors.ts'
import type { Part } from '../load.ts'
import { toWire, type WireError } from '../log/wire.ts'
import type { AnyModel } from '../model/model.ts'
import { createGuests } from './guests.ts'
import { createPipeline, type PipelineOptions } from './pipeline.ts'
import type { Checkpoints, Pipeline, Workshop } from './workshop.ts'

/** Milliseconds that a running attempt of a reaction keeps a pipeline open that no tab holds. */
const LINGER_MS = 30_000

/**
 * A value or an error, and the epoch of the host that replied. A worker script that was run again has another epoch.
 */
export interface Reply<T> {
  readonly epoch: string
  readonly value?: T
  readonly error?: WireError
}

/** The pipelines of one model, by engine name. The same object serves in the page and, wrapped by Comlink, across a port. */
export interface ProjectionHost {
  /**
   * Starts the pipeline of this engine. If the host serves another model, the error's message is the name of that
   * model.
   * `holder` is the id of a tab that holds a Web Lock of that name: the pipeline stays until every such tab has gone.
   * `booted` is the head of the log when that tab opened it. Through `port` the tab answers questions to its app.
   */
  hello(
    engine: string,
    model: string,
    mirror?: MirrorPlace,
    holder?: string,
    booted?: number,
    port?: MessagePort,
  ): Promise<Reply<void>>
  flush(engine: string): Promise<Reply<Checkpoints>>
  rebuild(engine: string, id: string, projections?: readonly string[]): Promise<Reply<void>>
  cancel(engine: string, id: string): Promise<Reply<void>>
  /**
   * That tab no longer needs the pipeline. Without a holder, the page that runs this host has left, and no pipeline is
   * opened again.
   */
  goodbye(engine: string, holder?: string): Promise<void>
}

export interface HostOptions extends PipelineOptions {
  /**
   * Loads the code of the mirror; without it, there is no mirror. A worker imports that code statically, because Vite 5
   * to 7 can't build a worker that contains an `import()`.
   */
  readonly loadMirror?: Part<{ readonly start: typeof start }>['keepLoading'] | undefined
  /** Milliseconds until a pipeline that no tab holds is closed. Without it, the pipeline stays until `goodbye`. */
  readonly idle?: number
  /** Called with each pipeline that was opened. An engine may work beside the pipeline until `shop.closing` aborts. */
  readonly opened?: (pipeline: Pipeline, pages: Pages) => void
}

/** What a host knows about the pages that use one pipeline. */
export interface Pages {
  /** The head of the log when the first of them opened it. */
  readonly booted: number
  /** The ports of the pages, in the order of their hellos. */
  readonly ports: Iterable<MessagePort>
  /** After the last page has gone, the pipeline stays until the promise settles, for at most 30 seconds. */
  stay(until: Promise<unknown>): void
}

interface Hosted {
  readonly pipeline: Promise<Pipeline>
  /** Questions that are being answered. */
  asked: number
  /** Attempts of reactions that are under way. */
  working: number
  /** When the last page has gone, by `performance.now()`. */
  leftAt: number
}

export function createHost(
  model: AnyModel,
  epoch: string,
  { idle, opened, loadMirror, ...options }: HostOptions = {},
): ProjectionHost {
  const hosted = new Map<string, Hosted>()
  const guests = createGuests((engine) => {
    const one = hosted.get(engine)
    if (one) one.leftAt = performance.now()
    closeIfIdle(engine)
  })
  const idling = new Map<string, ReturnType<typeof setTimeout>>()
  /** By engine, the head of the log when its first tab opened it. */
  const booted = new Map<string, number>()
  /** Engines that the host's own page has left. */
  const leftEngines = new Set<string>()

  function open(engine: string): Hosted {
    const pipeline = createPipeline(model, engine, options).then((pipeline) => {
      opened?.(pipeline, {
        booted: booted.get(engine) ?? 0,
        ports: guests.portsOf(engine),
        stay(until) {
          one.working++
          void until.finally(() => {
            one.working--
            closeIfIdle(engine)
          })
        },
      })
      return pipeline
    })
    const one: Hosted = { pipeline, asked: 0, working: 0, leftAt: 0 }
    hosted.set(engine, one)
    return one
  }

  /**
   * Answers a question with a pipeline. One that failed to open or whose log was replaced is closed, and the next
   * question opens another.
   */
  async function answer<T>(engine: string, ask: (pipeline: Pipeline) => Promise<T>): Promise<Reply<T>> {
    const known = hosted.get(engine)
    const one = known ?? open(engine)
    one.asked++
    let pipeline: Pipeline | undefined
    try {
      pipeline = await one.pipeline
      return { epoch, value: await ask(pipeline) }
    } catch (error) {
      // Only EngineClosed has a reason; for other errors this is undefined.
      const { reason } = (error ?? {}) as EngineClosed
      // The log was replaced if the error says so, or if another question learned it first and closed this pipeline.
      const isReplaced = reason === 'log replaced' || (reason && hosted.get(engine) !== one)
      if (!pipeline || reason) await end(engine, one)
      // The caller may already have the new log open, so the question is asked again with a new pipeline.
      if (known && isReplaced && !leftEngines.has(engine)) return answer(engine, ask)
      return { epoch, error: toWire(error) }
    } finally {
      one.asked--
      closeIfIdle(engine)
    }
  }

  async function end(engine: string, one: Hosted | undefined): Promise<void> {
    if (one && hosted.get(engine) === one) {
      hosted.delete(engine)
      booted.delete(engine)
    }
    await one?.pipeline.then(
      (pipeline) => pipeline.close(),
      () => {},
    )
  }

  const isIdle = (engine: string): boolean => !guests.has(engine) && !hosted.get(engine)?.asked

  /** Closes a pipeline after a while without tabs and questions. Flushes it first. */
  function closeIfIdle(engine: string): void {
    clearTimeout(idling.get(engine))
    idling.delete(engine)
    const one = hosted.get(engine)
    if (idle === undefined || !one || !isIdle(engine)) return
    const close = async (): Promise<void> => {
      idling.delete(engine)
      await one.pipeline.then((pipeline) => pipeline.flush()).catch(() => {})
      if (isIdle(engine)) await end(engine, one)
    }
    idling.set(
      engine,
      setTimeout(() => void close(), one.working ? Math.max(0, one.leftAt + LINGER_MS - performance.now()) : idle),
    )
  }

  return {
    async hello(engine, name, mirror, holder = '', head = 0, port?: MessagePort) {
      if (name !== model.name) return { epoch, error: toWire(new Error(model.name)) }
      guests.welcome(engine, holder, port)
      if (!hosted.has(engine)) booted.set(engine, head)
      // Not awaited: the first fold of a long log takes long, and the tab needs an answer to know that this worker is
      // alive.
      void answer(engine, async ({ flush, shop }) => {
        try {
          // A flush reads the log. If the log was replaced, it fails here, and `answer` opens a new pipeline.
          await flush()
        } finally {
          if (loadMirror && mirror !== false) startMirror(loadMirror, shop, mirror).catch(() => {})
        }
      })
      return { epoch }
    },
    flush: (engine) => answer(engine, (pipeline) => pipeline.flush()),
    rebuild: (engine, ...given) => answer(engine, (pipeline) => pipeline.rebuild(...given)),
    cancel: (engine, ...given) => answer(engine, async (pipeline) => pipeline.cancel(...given)),
    async goodbye(engine, holder) {
      if (holder !== undefined) return guests.letGo(engine, holder)
      leftEngines.add(engine)
      await end(engine, hosted.get(engine))
    },
  }
}

/**
 * Starts the mirror once its code is loaded. If the code fails to load, the mirror's status is `off`, with the reason.
 */
async function startMirror(
  loadMirror: NonNullable<HostOptions['loadMirror']>,
  shop: Workshop,
  place: MirrorPlace | undefined,
): Promise<void> {
  const { closing, post } = shop
  const { start } = await loadMirror(closing, ({ message }) =>
    post({ mirror: { state: 'off', sequence: 0, reason: message } }),
  )
  start(shop, place)
}
