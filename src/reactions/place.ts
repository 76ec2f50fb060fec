import type { OpenDrafts } from '../drafts/types.ts'
import type { Core } from '../engine/core.ts'
import { dispatch, type Special } from '../engine/dispatch.ts'
import type { AnyReceipt } from '../engine/pending.ts'
import { hearReactions } from '../engine/reactions.ts'
import type { DispatchOptions } from '../engine/types.ts'
import type { WorkerEngine } from '../engine/workerEngine.ts'
import type { Hint, ReactionReport } from '../log/channel.ts'
import type { CommitRecord } from '../log/commit.ts'
import { readAfter } from '../log/read.ts'
import type { AnyModel } from '../model/model.ts'
import type { Workshop } from '../projections/workshop.ts'
import { createMemoryStore, createReactionStore, type ReactionStore } from './store.ts'

export type Reports = Readonly<Record<string, ReactionReport>>

/** What one holder runs reactions on: a log, its rows, and somebody to tell. */
export interface Place {
  readonly model: AnyModel
  readonly lineage: string
  /** The events up to here were archived. */
  readonly base: number
  readonly store: ReactionStore
  /** Those of the model, if it has any. */
  readonly drafts: OpenDrafts['byName']
  /** Aborts when this is the holder no more. */
  readonly signal: AbortSignal
  dispatch(name: string, input: unknown, options: DispatchOptions, special: Special): Promise<AnyReceipt>
  /** The committed rows, as soon as they show an event. */
  readAt(sequence: number): Promise<object>
  readAfter(sequence: number): AsyncIterable<readonly CommitRecord[]>
  /** `asked`: somebody wants to hear where the reactions stand. Returns the function that ends it. */
  listen(hear: (news: { readonly commit: CommitRecord } | 'more' | 'asked') => void): () => void
  tell(reports: Reports, scanned: number): void
}

/** Beside a pipeline, in a worker or a page. */
export function placeBeside(shop: Workshop, engine: WorkerEngine): Place {
  const { model, database } = shop
  const { signal } = engine
  const log = database.log
  let tell = (_: Hint): void => {}
  return {
    model,
    lineage: log?.lineage ?? '',
    base: log?.base ?? 0,
    store: createReactionStore(database),
    drafts: engine.drafts ?? {},
    signal,
    dispatch: engine.dispatch,
    async readAt(sequence) {
      // The pipeline has heard of it, or will read it.
      if (engine.head < sequence) await shop.atHead(() => {}, true)
      return engine.read()
    },
    readAfter: (sequence) => readAfter(database, sequence, signal),
    listen(hear) {
      const channel = shop.channel.share((hint) => {
        if (hint.log !== database.log?.id) return
        if ('commit' in hint) hear(hint)
        else if ('head' in hint) hear('more')
        else if ('asks' in hint && hint.asks === 'reactions') hear('asked')
      })
      tell = channel.post
      return channel.close
    },
    tell: (reactions, scanned) => tell({ log: database.log?.id ?? '', reactions, scanned }),
  }
}

/** In a page whose log is in memory. */
export function placeInMemory(core: Core): Place {
  const sender = { meta: undefined, open: 0 }
  return {
    model: core.model,
    lineage: '',
    base: 0,
    store: createMemoryStore(),
    drafts: core.drafts?.byName ?? {},
    signal: core.ended,
    dispatch: (...given) => dispatch(core, sender, ...given),
    readAt: async () => core.read,
    readAfter: (sequence) => core.log.readAfter(sequence, core.ended),
    listen(hear) {
      core.askReactions = () => hear('asked')
      let { head } = core
      return core.listeners.add(() => {
        if (core.head > head) hear('more')
        head = core.head
      })
    },
    tell: (reports, scanned) => hearReactions(core, reports, scanned),
  }
}
