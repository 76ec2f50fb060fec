import type { Json } from '../data.ts'
import type { Inside } from '../log/append.ts'
import type { Channel, DraftHint } from '../log/channel.ts'
import type { Database } from '../log/database.ts'

/** What a draft says beside its text: JSON, without the names that a draft has itself. */
export type DraftHeader = { readonly [name: string]: Json } & {
  readonly id?: never
  readonly text?: never
  readonly state?: never
}

/** A text that is still being written, with its header. Frozen, and the same object until it changes. */
export type DraftText<H> = H & {
  readonly id: string
  readonly text: string
  /** `'abandoned'`: nobody writes it any more. Its page or worker is gone, or what should have replaced it was refused. */
  readonly state: 'live' | 'abandoned'
}

/** One attempt to write a draft. */
export interface DraftWriter {
  /**
   * Adds text. Every tab shows it within a few hundredths of a second, and it is stored within a quarter of a second. Half of a surrogate
   * pair waits for the other half. Throws `InvalidData` if the draft would have more than 4 MiB; it stays as it was.
   */
  append(text: string): void
  /**
   * Replaces the draft by what `fn` dispatches: the draft is deleted in the transaction that appends the events. `fn` gets the whole text,
   * dispatches at once, and returns that promise, whose value `end` gives. If it rejects, the draft stays, abandoned.
   * Rejects with `DraftOver` and dispatches nothing if another attempt has begun, or if the draft was discarded.
   */
  end<R>(fn: (text: string) => R | PromiseLike<R>): Promise<R>
  /** Deletes the draft. */
  discard(): Promise<void>
  /** Aborts with `DraftOver` when another attempt has begun or the draft was discarded: from then on, `append` does nothing. */
  readonly signal: AbortSignal
}

/** The drafts of one name: `engine.drafts.reply`. */
export interface Drafts<H> {
  /**
   * The draft as this tab knows it. undefined if there is none. The first call for an id begins to read it, so subscribe to hear when it is
   * there.
   */
  get(id: string): DraftText<H> | undefined
  /** Calls `listener` after `get(id)` changed, and returns the function that ends it. */
  subscribe(id: string, listener: () => void): () => void
  /** All drafts of this name, in the order of their ids, read now: after a start, the abandoned ones are among them. */
  list(): Promise<DraftText<H>[]>
  /**
   * Begins to write a draft. An attempt that somebody has begun under this id ends, and its text is deleted. When `signal` aborts, this one
   * is abandoned.
   */
  begin(id: string, header: H, options?: { readonly signal?: AbortSignal | undefined }): DraftWriter
  /** As `end` of a writer, for a draft that is abandoned. Rejects with `DraftOver` if there is none, or if somebody writes it. */
  end<R>(id: string, fn: (text: string) => R | PromiseLike<R>): Promise<R>
  /** Deletes a draft, also while somebody writes it. */
  discard(id: string): Promise<void>
}

/** What `draft` of `tidemark/drafts` declares. */
export interface Draft<H> {
  /** @internal */
  readonly header?: H
  /** @internal */
  readonly open: (host: DraftHost, names: readonly string[]) => OpenDrafts
}

/** What `engine.drafts` is: by the names in the model. */
export type DraftsOf<D> = { readonly [K in keyof D]: D[K] extends Draft<infer H> ? Drafts<H> : never }

/** Where the drafts of one engine are kept. */
export interface DraftHost {
  /** Of the log. */
  readonly name: string
  /** undefined in memory. */
  readonly database?: Database | undefined
  /** Why nothing may be begun. */
  readonly refusal?: Error | undefined
  /** Aborts when the engine ends. */
  readonly ended: AbortSignal
  /** Where other tabs and workers are told; undefined in memory. */
  readonly channel?: Pick<Channel, 'post'> | undefined
  readonly logId: string
}

/** The drafts of one engine. */
export interface OpenDrafts {
  /** By their names. */
  readonly byName: Readonly<Record<string, Drafts<any>>>
  /** Another tab or worker said this. */
  hear(hint: DraftHint): void
  /** What the dispatch that is asked for now writes besides: what it brings along, and the deletion of the draft that ends with it. */
  take(inside: Inside | undefined): Inside | undefined
}
