/// <reference lib="esnext.disposable" preserve="true" />
import type { Json, Key } from '../data.ts'
import type { DraftsOf } from '../drafts/types.ts'
import type { SyncReport } from '../log/channel.ts'
import type { AnyRecorded, EventTypes } from '../model/events.ts'
import type { Model, Projections, ReadModel } from '../model/model.ts'
import type { Projection, ReadValue } from '../model/projection.ts'
import type { OpenRemote } from '../remote.ts'

/** How long a dispatch waits. */
export type Durability = 'relaxed' | 'strict' | 'remote'

/** How one command is dispatched. */
export interface DispatchOptions<D extends Durability = Durability> {
  /** The same id again, from any tab at any time, gives the first answer and appends nothing. */
  readonly commandId?: string | undefined
  /**
   * `'strict'` survives a power cut; `'relaxed'` (the default) a crash of the browser. `'remote'`, only if the log has a remote: it is in the
   * log of all devices, at its `sequence`. The dispatch rejects with what the command throws there; it waits while the device is offline.
   */
  readonly durability?: D | undefined
  /**
   * Kept with every event of this command. Two objects, this one and the engine's, are merged, and the properties of this
   * one win; any other value replaces the engine's.
   */
  readonly meta?: Json | undefined
  /**
   * Takes the command back while it is in no transaction yet; later it is ignored. With `durability: 'remote'` it ends the waiting at any
   * time: a command that is durable here is sent all the same, and the dispatch rejects with `StorageError('unknown')`.
   */
  readonly signal?: AbortSignal | undefined
}

/** What a dispatch gives once its events are durable. */
export type Receipt<E extends EventTypes, D extends Durability = Durability> = {
  readonly commandId: string
  /** Without a `sequence`, those of its events are provisional, too. */
  readonly events: readonly AnyRecorded<E>[]
  /** The answer of an earlier dispatch with this `commandId`. */
  readonly duplicate: boolean
} & (D extends 'remote' ? Confirmed : Confirmed | Unconfirmed)

/** A command that has its place in the log. */
export interface Confirmed {
  /** Of the last event, or the head the command was decided at when it gave none. */
  readonly sequence: number
  readonly confirmed?: undefined
}

/** A command that the remote has not ordered yet. */
export interface Unconfirmed {
  readonly sequence?: undefined
  /**
   * Only if the log has a remote: the command is durable on this device, and the remote has not ordered it yet, so it has no sequence.
   * `projected(sequence)` takes that, too.
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
 * One function per command. They apply at once, never throw synchronously and settle when the commit is complete. While the
 * log can't be read or written, a command stays visible and is tried again; after four failures, which take some six seconds,
 * it rejects with the `StorageError`, and `read` shows no trace of it. `'unknown'` is the only kind that says that it may be
 * in the log: dispatch it again with the same `commandId` to find out.
 */
export type Dispatch<E extends EventTypes, C> = {
  readonly [K in keyof C]: C[K] extends (read: any, input: infer I, ...rest: any) => any ? DispatchCommand<E, I> : never
}

/** How far something is that takes long: `done` of `total`, in the unit of its phase (events, rows or bytes). */
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

/** Where one projection of a tab stands. */
export interface ProjectionStatus {
  /** Of this tab's fold. */
  readonly state: 'ready' | 'building' | 'failed'
  /** The persisted checkpoint, or the event it failed at. */
  readonly sequence: number
  readonly error?: Error
  readonly progress?: Progress
}

/** Where a log and its remote stand. */
export interface SyncStatus {
  /**
   * - `'online'`: what the remote has is read as it comes, and what this device has is sent.
   * - `'offline'`: the remote can't be reached. Commands are durable here and are sent later.
   * - `'waiting'`: this log can't be taken online yet, because another tab has it open, say; `error` tells what is in the way.
   * - `'denied'`: the remote refuses this device. It is asked again.
   * - `'outdated'`: a newer build wrote something that this one does not know: reload.
   * - `'stalled'`: a projection that a waiting command reads has failed.
   * - `'forked'`: the remote has lost events that this device has, and others have written behind them.
   * - `'other-log'`: the remote has another log.
   * - `'gone'`: the remote has no log any more, though this device has sent it one.
   *
   * In every state but `'online'` nothing is lost, nothing is deleted, and commands go on.
   */
  readonly state: SyncReport['state']
  /** Commands of this device that the remote has not ordered yet. */
  readonly pending: number
  /** Commands that the shared log refused, and that the app has not looked after: `rejected` of `tidemark/sync`. */
  readonly rejected: number
  /** Messages of the remote, at least so many, that are not in the log yet. */
  readonly behind: number
  /**
   * While a log is uploaded (in events), or much of it is downloaded (in messages, if the remote can count them). Closing the last tab stops
   * it, and the next one goes on there.
   */
  readonly progress?: SyncReport['progress']
  readonly error?: Error
}

/** Where one reaction stands: `reaction` of `tidemark/reactions`. */
export interface ReactionStatus {
  /**
   * - `'idle'`: nothing is open.
   * - `'running'`: an attempt is under way.
   * - `'waiting'`: events are open, and each waits: for its time, for the next attempt, or for a value from a page.
   * - `'stopped'`: this code can't run it; `error` says why. Its events are kept.
   */
  readonly state: 'idle' | 'running' | 'waiting' | 'stopped'
  /** Events that are not settled, without dead ones. */
  readonly open: number
  /** Attempts that are under way. */
  readonly running: number
  /** Open events of which an attempt failed. */
  readonly retrying: number
  /** Events that nobody tries again: `deadLetters` of `tidemark/tools`. */
  readonly dead: number
  /** Open events whose time has come. */
  readonly due: number
  /** What went wrong last. */
  readonly error?: Error
}

/** A new object per change. */
export interface Status<P = Projections> {
  /** `'outdated'`: a newer build wrote to the log; `'failed'`: the log is corrupt. Both refuse to dispatch and keep `read`. */
  readonly state: 'ready' | 'outdated' | 'failed' | 'closed'
  /** Committed and applied here; pending commands are not counted. */
  readonly sequence: number
  /** The lowest persisted checkpoint. */
  readonly projected: number
  /** Commands that are not durable yet. */
  readonly pending: number
  /** Where projections are persisted; `'none'` in memory and before the first answer. */
  readonly worker: 'shared' | 'in-page' | 'none'
  readonly storage: 'persistent' | 'best-effort' | 'memory'
  readonly projections: { readonly [K in keyof P]: ProjectionStatus }
  /** Only if the log has a remote. */
  readonly sync?: SyncStatus
  /** By their names, as soon as this tab has heard of them. */
  readonly reactions: { readonly [name: string]: ReactionStatus }
  /** What went wrong last. It stays when that has passed: `state`, `behind` and `sync` say what is wrong now. */
  readonly lastError?: Error
  /** This tab can't read its log: since when, and why. `read` shows the log as it was; it is tried again, and recovers by itself. */
  readonly behind?: { readonly since: number; readonly error: Error }
  readonly mirror: { readonly state: 'on' | 'behind' | 'off'; readonly sequence: number; readonly reason?: string }
  /** The browser had lost the database: the log was restored from its mirror, up to this event. */
  readonly restored?: { readonly sequence: number; readonly at: number }
}

/** The names of the projections that are tables. */
export type TableOf<P> = { [K in keyof P & string]: P[K] extends Projection<ReadValue<any>> ? never : K }[keyof P &
  string]
/** `after` and `before` are exclusive. `table` with `key`: the events of one row. */
export type HistoryOptions<P> = {
  readonly after?: number | undefined
  readonly before?: number | undefined
  readonly reverse?: boolean | undefined
  readonly limit?: number | undefined
  readonly signal?: AbortSignal | undefined
} & ({ readonly table: TableOf<P>; readonly key: Key } | { readonly table?: undefined; readonly key?: undefined })

/** Where `events` begins, and what ends it. */
export interface EventsOptions {
  /** The last event that the reader has: the first one it gets is the next. By default it gets all that the log has. */
  readonly after?: number | undefined
  readonly signal?: AbortSignal | undefined
}

/** One open log with its read model. */
export interface Engine<E extends EventTypes, P, C, D = unknown> {
  readonly model: Model<E, P, C, D>
  /** A new object per applied batch; always answers with the present. */
  readonly read: ReadModel<P>
  readonly dispatch: Dispatch<E, C>
  readonly status: Status<P>
  /** Texts that are still being written, by their names in the model. They change without a change of `read` and `status`. */
  readonly drafts: DraftsOf<D>
  /**
   * Calls `listener` after `read` or `status` changed, and returns the function that ends it. Each of the two is another
   * object if it changed and the same object if it did not, so comparing tells what it was: `read` changes with rows, `status`
   * with any of its fields. A command usually changes `read` once, at its dispatch; its commit, the persisted checkpoint and
   * the mirror then change `status` alone. The first change of a turn is told at once, later ones of the same turn together,
   * in one microtask. A listener that throws is reported and keeps no other from being told. After `close()` nobody is told
   * any more, new listeners included.
   */
  subscribe(listener: () => void): () => void
  /**
   * Committed events up to the head at the call, in today's type and version. If the log has a remote, what it has not ordered yet follows
   * them with `pending: true`; their sequences are provisional.
   */
  history(options?: HistoryOptions<P>): AsyncIterable<AnyRecorded<E>>
  /**
   * The events behind a position, and then each one as it commits, in this tab or another: in order, without a gap, in today's type and
   * version. It ends only with the loop, or with an error.
   * @example
   * ```ts
   * for await (const event of engine.events({ after: await index.position() })) await index.add(event)
   * ```
   *
   * When an event is given, `read` shows it. A slow reader costs no memory: what it has not asked for stays in the log. It throws
   * `InvalidData` if `after` is below what was archived or above the log's end, `EngineClosed` when the engine ends, `OutdatedCodeError` or
   * `CorruptLog` behind the last event that this code can read, `StorageError` if the log can't be read four times in a row, and the reason
   * of `signal`. To go on after an error, begin after the last event.
   */
  events(options?: EventsOptions): AsyncIterable<AnyRecorded<E>>
  /** Resolves when every projection that has not failed is persisted up to `sequence` (by default `status.sequence`). */
  projected(sequence?: number, options?: { readonly signal?: AbortSignal | undefined }): Promise<void>
  /**
   * Resolves when the reactions have looked at the whole log and each event is settled, dead, or not due yet. Without reactions it resolves
   * at once. What a reaction appends counts, too: its reactions are waited for.
   */
  settled(options?: { readonly signal?: AbortSignal | undefined }): Promise<void>
  /** Folds the log again; what pages read stays until it is done. */
  rebuild(options?: {
    readonly projections?: readonly (keyof P & string)[] | undefined
    readonly signal?: AbortSignal | undefined
    readonly onProgress?: ((progress: Progress) => void) | undefined
  }): Promise<void>
  /** Awaits what is in a transaction, rejects the rest with `EngineClosed`. Idempotent. */
  close(): Promise<void>
  /** `close()`, where the platform has the symbol. */
  [Symbol.asyncDispose](): PromiseLike<void>
}

/** An engine of a model: `EngineOf<typeof app>`. */
export type EngineOf<M> = M extends Model<infer E, infer P, infer C, infer D> ? Engine<E, P, C, D> : never

/** Follows what an engine does. Made by `spans` of `tidemark/tools`, or `performanceTrack` as it is. */
export type Observer = (engine: any) => void

/** How a log is opened: its name, its worker, its remote. */
export interface OpenOptions {
  /** `() => new SharedWorker(new URL('./todos.worker.ts', import.meta.url), { type: 'module' })` */
  readonly worker?: (() => SharedWorker) | undefined
  /** Another log of the same model, one per user, say. */
  readonly name?: string | undefined
  /** Keeps nothing. */
  readonly storage?: 'memory' | undefined
  /**
   * Where a second copy of the log is kept: by default in the origin's private file system, where the browser has one
   * that can be written; a folder of the user's own, whose permission `resumeMirror` asks for again; `false`: nowhere.
   */
  readonly mirror?: boolean | FileSystemDirectoryHandle | undefined
  /** Kept with every event that this engine appends, with what a dispatch adds to it. */
  readonly meta?: Json | undefined
  /**
   * Preview: its formats may change. The order that all devices share, by the name of the log: `natsRemote()` of `tidemark/nats`, say. The
   * worker gets the same one. Commands are durable on this device at once, and offline; the remote puts them into the log of all devices.
   * A log that was begun without a remote goes online when one tab opens it alone; until then `status.sync` is `'waiting'`, with an `error`.
   */
  readonly remote?: OpenRemote | undefined
  /**
   * The module of the app's reactions: `() => import('./chat.reactions.ts')`. The worker gets the same ones. A page without SharedWorker,
   * or with `storage: 'memory'`, loads them and runs them itself.
   */
  readonly reactions?: (() => Promise<object>) | undefined
  /**
   * What a reaction can only get from a page: a token in its memory, say. A reaction that asks for it, by `context()`, gets it from the
   * visible tab that was opened last. It is JSON, and it is never stored.
   */
  readonly context?: (() => Promise<Json>) | undefined
  readonly signal?: AbortSignal | undefined
  /** Told how far opening is. */
  readonly onProgress?: ((progress: Progress) => void) | undefined
  /** Is told of each boot, dispatch, append, catch-up, flush and rebuild: `performanceTrack`, or `spans(…)`, of `tidemark/tools`. */
  readonly observe?: Observer | undefined
}
