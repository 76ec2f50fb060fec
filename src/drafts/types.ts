import type { Json } from '../data.ts'
import type { ExtraWrite } from '../log/append.ts'
import type { Channel, DraftHint } from '../log/channel.ts'
import type { Database } from '../log/database.ts'

/** The properties of a draft beside its text: JSON, without the names that every draft has. */
export type DraftHeader = { readonly [name: string]: Json } & {
  readonly id?: never
  readonly text?: never
  readonly state?: never
}

/** A text that is still being written, with its header. It is frozen, and the same object until it changes. */
export type DraftText<H> = H & {
  readonly id: string
  readonly text: string
  /**
   * `'abandoned'`: it has no writer. The writer's page or worker is gone, or the command that should have replaced it
   * was rejected.
   */
  readonly state: 'live' | 'abandoned'
}

/** One attempt to write a draft. */
export interface DraftWriter {
  /**
   * Adds text. Every tab shows it within a few hundredths of a second, and it is stored within a quarter of a second. Half of a surrogate
   * pair waits for the other half. Throws `InvalidData` if the draft would have more than 4 MiB; then it is not
   * changed.
   */
  append(text: string): void
  /**
   * Replaces the draft by an event: the draft is deleted in the transaction that appends the events of `fn`'s dispatch.
   * `fn` gets the whole text, has to dispatch before its first await, and returns that promise. `end` resolves with its
   * value. If it rejects, the draft stays as abandoned. Rejects with `DraftOver` and dispatches nothing if another
   * attempt has begun, or if the draft was discarded.
   */
  end<R>(fn: (text: string) => R | PromiseLike<R>): Promise<R>
  /** Deletes the draft. */
  discard(): Promise<void>
  /**
   * Aborts with `DraftOver` when another attempt has begun or the draft was discarded. From then on, `append` does
   * nothing.
   */
  readonly signal: AbortSignal
}

/** The drafts of one name: `engine.drafts.reply`. */
export interface Drafts<H> {
  /**
   * The draft; undefined if there is none. The first call for an id starts reading it and gives undefined, so subscribe
   * to learn when it has been read.
   */
  get(id: string): DraftText<H> | undefined
  /** Calls `listener` after `get(id)` changed, and returns the function that unsubscribes. */
  subscribe(id: string, listener: () => void): () => void
  /** Reads all drafts of this name, in the order of their ids. Abandoned ones are included. */
  list(): Promise<DraftText<H>[]>
  /**
   * Begins to write a draft. Any earlier attempt with this id ends, and its text is deleted. When `signal` aborts, this
   * draft is abandoned.
   */
  begin(id: string, header: H, options?: { readonly signal?: AbortSignal | undefined }): DraftWriter
  /**
   * Ends an abandoned draft, like `end` of a writer. Rejects with `DraftOver` if there is none, or if it has a writer.
   */
  end<R>(id: string, fn: (text: string) => R | PromiseLike<R>): Promise<R>
  /** Deletes a draft, even if it has a writer. */
  discard(id: string): Promise<void>
}

/** A declaration of drafts: the result of `draft` of `tidemark/drafts`. */
export interface Draft<H> {
  /** @internal */
  readonly header?: H
  /** @internal */
  readonly open: (host: DraftHost, names: readonly string[]) => OpenDrafts
}

/** The type of `engine.drafts`: drafts by their names in the model. */
export type DraftsOf<D> = { readonly [K in keyof D]: D[K] extends Draft<infer H> ? Drafts<H> : never }

/** The parts of an engine that its drafts need. */
export interface DraftHost {
  /** The name of the log. */
  readonly name: string
  /** undefined in memory. */
  readonly database?: Database | undefined
  /** If set, `begin` throws it. */
  readonly refusal?: Error | undefined
  /** Aborts when the engine ends. */
  readonly ended: AbortSignal
  /** The channel to other tabs and workers; undefined in memory. */
  readonly channel?: Pick<Channel, 'post'> | undefined
  readonly logId: string
}

/** The drafts of one engine. */
export interface OpenDrafts {
  /** Drafts by their names in the model. */
  readonly byName: Readonly<Record<string, Drafts<any>>>
  /** Receives a hint from another tab or worker. */
  hear(hint: DraftHint): void
  /** The extra writes of a dispatch that begins now: its own, and the deletion of the draft that ends with it. */
  withDeletion(extra: ExtraWrite | undefined): ExtraWrite | undefined
}
