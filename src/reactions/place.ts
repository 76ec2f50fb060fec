import type { OpenDrafts } from '../drafts/types.ts'
import type { AnyReceipt } from '../engine/caller.ts'
import type { Core } from '../engine/core.ts'
import { dispatch, type Special } from '../engine/dispatch.ts'
import { hearReactions } from '../engine/followReactions.ts'
import type { ReactionPlace } from '../engine/reactions.ts'
import type { DispatchOptions } from '../engine/types.ts'
import type { WorkerEngine } from '../engine/workerEngine.ts'
import type { Hint, ReactionReport } from '../log/channel.ts'
import type { CommitRecord } from '../log/commit.ts'
import type { LocalCommand } from '../log/local.ts'
import { readAfter } from '../log/read.ts'
import type { AnyModel } from '../model/model.ts'
import type { Workshop } from '../projections/workshop.ts'
import { createMemoryStore, createReactionStore, type ReactionStore } from './store.ts'

export type Reports = Readonly<Record<string, ReactionReport>>

/** What a holder hears: a commit, or that there are more of them. */
export type HeardCommit =
  | { readonly commit: CommitRecord }
  | 'more'
  /** The commands that wait for the remote have changed. */
  | 'local'
  /** A tab asks for the state of the reactions. */
  | 'asked'
  /** A tab has changed the open events. */
  | 'changed'
  /** Another holder is waiting, with these versions of its reactions. */
  | { readonly wanted: Readonly<Record<string, number>> }

/** Commands of this device, decided on the events up to `base`, that the shared log does not have. */
export interface UnconfirmedCommands {
  readonly base: number
  readonly commands: readonly LocalCommand[]
}

/** What a holder needs in addition on a log with a remote. */
export interface RemotePlace {
  /** The id of this device among those that share the log. */
  readonly device: string
  unconfirmed(): Promise<UnconfirmedCommands | undefined>
  /** Resolves when the shared log has this command of the device. Rejects if the shared log refused it. */
  verdict(commandId: string, signal: AbortSignal): Promise<unknown>
  /** Lets another worker or page follow the remote and run the reactions. */
  leave(): void
}

/** What a holder runs reactions on: a log, its rows, and the tabs to report to. */
export interface HolderPlace {
  readonly model: AnyModel
  readonly lineage: string
  /** The events up to here were archived, imported or restored. A reaction without a position starts after them. */
  readonly floor: number
  /** The events up to here were archived. */
  readonly base: number
  readonly store: ReactionStore
  /** The drafts of the model, if it has any. */
  readonly drafts: OpenDrafts['byName']
  readonly pages: ReactionPlace['pages']
  /** Keeps pipeline and lock for a while after the last tab was closed. */
  stay(until: Promise<unknown>): void
  /** Only on a log with a remote. */
  readonly remote?: RemotePlace | undefined
  /** Aborts when this is no longer the holder. */
  readonly signal: AbortSignal
  dispatch(name: string, input: unknown, options: DispatchOptions, special: Special): Promise<AnyReceipt>
  /** The committed rows, as soon as they show the event with this sequence. */
  readAt(sequence: number): Promise<object>
  readAfter(sequence: number): AsyncIterable<readonly CommitRecord[]>
  /** Calls the listener for each hint. Returns the function that stops this. */
  listen(listener: (heard: HeardCommit) => void): () => void
  tell(reports: Reports, scanned: number): void
}

/** The engine that decides and appends for the reactions of a pipeline. */
export interface BesideEngine extends Pick<WorkerEngine, 'dispatch' | 'read' | 'head' | 'signal' | 'drafts' | 'close'> {
  readonly remote?: RemotePlace | undefined
}

/** The place beside a pipeline, in a worker or a page. */
export function placeBeside(
  { pages, stay }: Pick<ReactionPlace, 'pages' | 'stay'>,
  shop: Workshop,
  engine: BesideEngine,
): HolderPlace {
  const { model, database } = shop
  const { signal } = engine
  const log = database.log
  let tell = (_: Hint): void => {}
  return {
    model,
    lineage: log?.lineage ?? '',
    floor: Math.max(log?.base ?? 0, log?.imported ?? 0, log?.restored?.sequence ?? 0),
    base: log?.base ?? 0,
    pages,
    stay,
    store: createReactionStore(database, log?.lineage ?? '', !!engine.remote),
    remote: engine.remote,
    drafts: engine.drafts ?? {},
    signal,
    dispatch: engine.dispatch,
    async readAt(sequence) {
      // The pipeline has heard of the event, or will read it.
      if (engine.head < sequence) await shop.atHead(() => {}, true)
      return engine.read()
    },
    readAfter: (sequence) => readAfter(database, sequence, signal),
    listen(hear) {
      const channel = shop.channel.share((hint) => {
        if (hint.log !== database.log?.id) return
        if ('commit' in hint || 'wanted' in hint) hear(hint)
        else if ('head' in hint) hear('more')
        else if ('local' in hint) hear('local')
        else if ('asks' in hint && hint.asks === 'reactions') hear(hint.changed ? 'changed' : 'asked')
      })
      tell = channel.post
      return channel.close
    },
    tell: (reactions, scanned) => tell({ log: database.log?.id ?? '', reactions, scanned }),
  }
}

/** The place in a page whose log is in memory. */
export function placeInMemory(core: Core, { pages, stay }: Pick<ReactionPlace, 'pages' | 'stay'>): HolderPlace {
  const sender = { meta: undefined, open: 0 }
  const store = createMemoryStore()
  return {
    model: core.model,
    lineage: '',
    floor: 0,
    base: 0,
    pages,
    stay,
    store,
    drafts: core.drafts?.byName ?? {},
    signal: core.ended,
    dispatch: (...given) => dispatch(core, sender, ...given),
    readAt: async () => core.read,
    readAfter: (sequence) => core.log.readAfter(sequence, core.ended),
    listen(hear) {
      core.memoryReactions = {
        ask: (changed) => hear(changed ? 'changed' : 'asked'),
        read: store.read,
        replace: async (open, by) => (await store.replace(open, by)).isOpen,
      }
      let { head } = core
      return core.listeners.add(() => {
        if (core.head > head) hear('more')
        head = core.head
      })
    },
    tell: (reports, scanned) => hearReactions(core, reports, scanned),
  }
}
