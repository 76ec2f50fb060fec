/// <reference lib="esnext.disposable" preserve="true" />
import type { Json, Key } from '../data.ts'
import type { DraftsOf } from '../drafts/types.ts'
import type { SyncReport } from '../log/channel.ts'
import type { AnyRecorded, EventTypes } from '../model/events.ts'
import type { Model, Projections, ReadModel } from '../model/model.ts'
import type { Projection, ReadValue } from '../model/projection.ts'
import type { OpenRemote } from '../remote.ts'

/** What has to happen before a dispatch resolves. */
export type Durability = 'relaxed' | 'strict' | 'remote'

/** How one command is dispatched. */
export interface DispatchOptions<D extends Durability = Durability> {
  /** Dispatching the same id again, from any tab at any time, gives the first answer and appends nothing. */
  readonly commandId?: string | undefined
  /**
   * - `'relaxed'` (the default): the command survives a crash of the browser.
   * - `'strict'`: it also survives a power cut.
   * - `'remote'`, only if the log has a remote: it is in the log of all devices, at its `sequence`. The dispatch waits
   * while the device is offline, and rejects with the error that the command throws there.
   */
  readonly durability?: D | undefined
  /**
   * Stored with every event of this command. If this and the engine's `meta` are both objects, they are merged, and the
   * properties of this one win. Any other value replaces the engine's.
   */
  readonly meta?: Json | undefined
  /**
   * Takes the command back if it is not in a transaction yet. Later it is ignored. With `durability: 'remote'` it ends
   * the wait at any time: a command that is already durable here is sent all the same, and the dispatch rejects with
   * `StorageError('unknown')`.
   */
  readonly signal?: AbortSignal | undefined
}

/** The result of a dispatch, once its events are durable. */
export type Receipt<E extends EventTypes, D extends Durability = Durability> = {
  readonly commandId: string
  /** If the receipt has no `sequence`, the sequences of its events are provisional. */
  readonly events: readonly AnyRecorded<E>[]
  /** True if this is the answer of an earlier dispatch with the same `commandId`. */
  readonly duplicate: boolean
} & (D extends 'remote' ? Confirmed : Confirmed | Unconfirmed)

/** The receipt of a command that is in the log. */
export interface Confirmed {
  /** The sequence of its last event. If it has no events, the head at which it was decided. */
  readonly sequence: number
  readonly confirmed?: undefined
}

/** The receipt of a command that the remote has not ordered yet. */
export interface Unconfirmed {
  readonly sequence?: undefined
  /**
   * Only if the log has a remote: the command is durable on this device, but the remote has not ordered it yet, so it
   * has no sequence.
   * `projected(sequence)` accepts undefined.
   */
  readonly confirmed: false
}

/** The function that dispatches one command. */
export type DispatchCommand<E extends EventTypes, I> = unknown extends I
  ? <D extends Durability = 'relaxed'>(input?: undefined, options?: DispatchOptions<D>) => Promise<Receipt<E, D>>
  : undefined extends I
    ? <D extends Durability = 'relaxed'>(input?: I, options?: DispatchOptions<D>) => Promise<Receipt<E, D>>
    : <D extends Durability = 'relaxed'>(input: I, options?: DispatchOptions<D>) => Promise<Receipt<E, D>>
/**
 * One function per command. It applies the command at once, never throws synchronously, and returns a promise that
 * settles when the commit is complete. While the log can't be read or written, the command stays visible and is
 * retried. After four failures (about six seconds) the promise rejects with the `StorageError`, and `read` shows no
 * trace of the command. Only the kind `'unknown'` means that the command may be in the log: dispatch it again with the
 * same `commandId` to find out.
 */
export type Dispatch<E extends EventTypes, C> = {
  readonly [K in keyof C]: C[K] extends (read: any, input: infer I, ...rest: any) => any ? DispatchCommand<E, I> : never
}

/** The progress of a long task: `done` of `total`, in the unit of its phase (events, rows or bytes). */
export interface Progress {
  /** `'blocked'`: another connection keeps the browser from opening or deleting the database. */
  readonly phase:
    | 'snapshot'
    | 'catch-up'
    | 'rebuild'
    | 'restore'
    | 'import'
    | 'export'
    | 'verify'
    | 'archive'
    | 'blocked'
  readonly done: number
  readonly total: number
}

/** The status of one projection. */
export interface ProjectionStatus {
  /** The state of this tab's fold. */
  readonly state: 'ready' | 'building' | 'failed'
  /** The persisted checkpoint, or the event at which it failed. */
  readonly sequence: number
  readonly error?: Error
  readonly progress?: Progress
}

/** The status of a log with a remote. */
export interface SyncStatus {
  /**
   * - `'online'`: events of the remote are read as they arrive, and commands of this device are sent.
   * - `'offline'`: the remote can't be reached. Commands are durable here and are sent later.
   * - `'waiting'`: this log can't be taken online yet, for example because another tab has it open. `error` gives the
   * reason.
   * - `'denied'`: the remote refuses this device. It is retried.
   * - `'outdated'`: a newer build wrote something that this build does not know. Reload the page.
   * - `'stalled'`: a projection that a waiting command reads has failed.
   * - `'forked'`: the remote has lost events that this device has, and other devices have written since.
   * - `'other-log'`: the remote has another log.
   * - `'gone'`: the remote no longer has the log that this device sent.
   *
   * In no state is anything lost or deleted. Commands are accepted in all of them.
   */
  readonly state: SyncReport['state']
  /** Commands of this device that the remote has not ordered yet. */
  readonly pending: number
  /** Commands that the shared log rejected and that the app has not handled yet: `rejected` of `tidemark/sync`. */
  readonly rejected: number
  /** Messages of the remote that are not in the log yet. There may be more. */
  readonly behind: number
  /**
   * Set while a log is uploaded (in events), or much of it is downloaded (in messages, if the remote can count them).
   * Closing the last tab interrupts it, and the next tab continues.
   */
  readonly progress?: SyncReport['progress']
  readonly error?: Error
}

/** The status of one reaction: `reaction` of `tidemark/reactions`. */
export interface ReactionStatus {
  /**
   * - `'idle'`: nothing is open.
   * - `'running'`: an attempt is under way.
   * - `'waiting'`: events are open, and each waits for its time, for its next attempt, or for a value from a page.
   * - `'stopped'`: this code can't run it. `error` gives the reason, and its events are kept.
   */
  readonly state: 'idle' | 'running' | 'waiting' | 'stopped'
  /** Events that are not settled. Dead ones are not counted. */
  readonly open: number
  /** Attempts that are under way. */
  readonly running: number
  /** Open events with a failed attempt. */
  readonly retrying: number
  /** Events that are not retried any more: `deadLetters` of `tidemark/tools`. */
  readonly dead: number
  /** Open events whose time has come. */
  readonly due: number
  /** The last error. */
  readonly error?: Error
}

/** The status of an engine. It is a new object after each change. */
export interface Status<P = Projections> {
  /** `'outdated'`: a newer build wrote to the log; `'failed'`: the log is corrupt. Both refuse to dispatch and keep `read`. */
  readonly state: 'ready' | 'outdated' | 'failed' | 'closed'
  /** The last event that is committed and applied in this tab. Pending commands are not counted. */
  readonly sequence: number
  /** The lowest persisted checkpoint. */
  readonly projected: number
  /** Commands that are not durable yet. */
  readonly pending: number
  /** Where the pipeline runs that persists projections. `'none'` in memory and before the first answer. */
  readonly worker: 'shared' | 'in-page' | 'none'
  readonly storage: 'persistent' | 'best-effort' | 'memory'
  readonly projections: { readonly [K in keyof P]: ProjectionStatus }
  /** Only if the log has a remote. */
  readonly sync?: SyncStatus
  /** Reactions by name, once this tab has a report about them. */
  readonly reactions: { readonly [name: string]: ReactionStatus }
  /** The last error. It stays after the problem has passed; `state`, `behind` and `sync` say what is wrong now. */
  readonly lastError?: Error
  /**
   * Set while this tab can't read its log, with the time of the first failure and its error. `read` shows the last
   * state that was read. The tab retries and recovers by itself.
   */
  readonly behind?: { readonly since: number; readonly error: Error }
  readonly mirror: { readonly state: 'on' | 'behind' | 'off'; readonly sequence: number; readonly reason?: string }
  /** Set if the browser had lost the database and the log was restored from its mirror, up to this event. */
  readonly restored?: { readonly sequence: number; readonly at: number }
}

/** The names of the projections that are tables. */
export type TableOf<P> = { [K in keyof P & string]: P[K] extends Projection<ReadValue<any>> ? never : K }[keyof P &
  string]
/** Which events `history` gives. `after` and `before` are exclusive. `table` with `key`: only the events of one row. */
export type HistoryOptions<P> = {
  readonly after?: number | undefined
  readonly before?: number | undefined
  readonly reverse?: boolean | undefined
  readonly limit?: number | undefined
  readonly signal?: AbortSignal | undefined
} & ({ readonly table: TableOf<P>; readonly key: Key } | { readonly table?: undefined; readonly key?: undefined })

/** Where `events` begins, and the signal that ends it. */
export interface EventsOptions {
  /** The last event that the reader already has. By default it gets all events of the log. */
  readonly after?: number | undefined
  readonly signal?: AbortSignal | undefined
}

/** One open log with its read model. */
export interface Engine<E extends EventTypes, P, C, D = unknown> {
  readonly model: Model<E, P, C, D>
  /** The read model. It always answers with the present, and is a new object after each applied batch. */
  readonly read: ReadModel<P>
  readonly dispatch: Dispatch<E, C>
  readonly status: Status<P>
  /**
   * Drafts by their names in the model: texts that are still being written. `read` and `status` do not change with
   * them.
   */
  readonly drafts: DraftsOf<D>
  /**
   * Calls `listener` after `read` or `status` changed, and returns the function that unsubscribes. Compare each by
   * identity to see which one changed: `read` is a new object if rows changed, `status` if one of its fields did. A
   * command usually changes
   * `read` once, at its dispatch. Its commit, the persisted checkpoint and the mirror then change only `status`.
   *
   * The first change of a turn calls listeners at once. Later changes of the same turn call them together, in one
   * microtask. If a listener throws, the error is reported and the others are still called. After `close()` no listener
   * is called.
   */
  subscribe(listener: () => void): () => void
  /**
   * Committed events up to the head at the call, in today's type and version. If the log has a remote, the events that
   * it has not ordered yet follow with `pending: true`; their sequences are provisional.
   */
  history(options?: HistoryOptions<P>): AsyncIterable<AnyRecorded<E>>
  /**
   * The events after a position, and then each new one when it commits, in this tab or another. They come in order,
   * without a gap, in today's type and version. The iteration ends only with the loop or with an error.
   * @example
   * ```ts
   * for await (const event of engine.events({ after: await index.position() })) await index.add(event)
   * ```
   *
   * When the loop gets an event, `read` already shows it. A slow reader costs no memory, because events stay in the log
   * until it asks for them.
   *
   * Throws `InvalidData` if `after` is among archived events or above the log's end, `EngineClosed` when the engine
   * ends,
   * `OutdatedCodeError` or `CorruptLog` after the last event that this code can read, `StorageError` if four reads of
   * the log in a row fail, and the reason of `signal`. To continue after an error, start again after the last event.
   */
  events(options?: EventsOptions): AsyncIterable<AnyRecorded<E>>
  /** Resolves when every projection that has not failed is persisted up to `sequence` (by default `status.sequence`). */
  projected(sequence?: number, options?: { readonly signal?: AbortSignal | undefined }): Promise<void>
  /**
   * Resolves when the reactions have looked at the whole log and each event is settled, dead, or not due yet. This
   * includes events that reactions append. Without reactions it resolves at once.
   */
  settled(options?: { readonly signal?: AbortSignal | undefined }): Promise<void>
  /** Folds the log again. Pages show the old rows until it is done. */
  rebuild(options?: {
    readonly projections?: readonly (keyof P & string)[] | undefined
    readonly signal?: AbortSignal | undefined
    readonly onProgress?: ((progress: Progress) => void) | undefined
  }): Promise<void>
  /** Awaits commands that are in a transaction and rejects the others with `EngineClosed`. Idempotent. */
  close(): Promise<void>
  /** The same as `close()`, if the platform has this symbol. */
  [Symbol.asyncDispose](): PromiseLike<void>
}

/** An engine of a model: `EngineOf<typeof app>`. */
export type EngineOf<M> = M extends Model<infer E, infer P, infer C, infer D> ? Engine<E, P, C, D> : never

/** Observes what an engine does. `spans` of `tidemark/tools` creates one; `performanceTrack` is one. */
export type Observer = (engine: any) => void

/** Options of `openEngine`. */
export interface OpenOptions {
  /** `() => new SharedWorker(new URL('./todos.worker.ts', import.meta.url), { type: 'module' })` */
  readonly worker?: (() => SharedWorker) | undefined
  /** Opens another log of the same model, for example one per user. */
  readonly name?: string | undefined
  /** `'memory'` stores nothing. */
  readonly storage?: 'memory' | undefined
  /**
   * Where a second copy of the log is kept. By default it is in the origin's private file system, if the browser has
   * one that can be written. A directory handle: in that folder of the user; `resumeMirror` asks for its permission
   * again. `false`: nowhere.
   */
  readonly mirror?: boolean | FileSystemDirectoryHandle | undefined
  /** Stored with every event that this engine appends. A dispatch can add to it. */
  readonly meta?: Json | undefined
  /**
   * Preview: its formats may change. A server that orders the commands of all devices into one log, by the log's name:
   * for example
   * `natsRemote()` of `tidemark/nats`. Pass the same remote to the worker. Commands are durable on this device at once,
   * even offline, and the remote then puts them into the log of all devices. A log that was begun without a remote goes
   * online when only one tab has it open; until then `status.sync` is `'waiting'`, with an `error`.
   */
  readonly remote?: OpenRemote | undefined
  /**
   * Loads the module of the app's reactions: `() => import('./chat.reactions.ts')`. Pass the same reactions to the
   * worker. A page without SharedWorker, or with `storage: 'memory'`, runs them itself.
   */
  readonly reactions?: (() => Promise<object>) | undefined
  /**
   * Returns a value that a reaction can only get from a page, for example a token in memory. When a reaction calls
   * `context()`, the visible tab that was opened last answers. The value is JSON and is never stored.
   */
  readonly context?: (() => Promise<Json>) | undefined
  readonly signal?: AbortSignal | undefined
  /** Called with the progress of opening. */
  readonly onProgress?: ((progress: Progress) => void) | undefined
  /**
   * Observes each boot, dispatch, append, catch-up, flush and rebuild: `performanceTrack` or `spans(…)` of
   * `tidemark/tools`.
   */
  readonly observe?: Observer | undefined
}
