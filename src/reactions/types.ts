import type { Json } from '../data.ts'
import type { DraftsOf } from '../drafts/types.ts'
import type { RunReactions, runner } from '../engine/reactions.ts'
import type { DispatchOptions, Receipt } from '../engine/types.ts'
import type { DataOf, EventTypes, Recorded } from '../model/events.ts'
import type { ReadModel } from '../model/model.ts'

/** An event of one of the types, as the log has it. */
export type EventOf<E extends EventTypes, T extends keyof E> = {
  [K in T & keyof E & string]: Recorded<K, DataOf<E[K]>>
}[T & keyof E & string]

/** How a reaction dispatches a command. Its id is given: a command that an earlier attempt has appended is answered by its receipt. */
export interface ReactionDispatchOptions extends Omit<DispatchOptions, 'commandId'> {
  /** The event is settled in the transaction that appends the command, so the work is not done again after it. */
  readonly settles?: boolean | undefined
}

/** The function with which a reaction dispatches one command. */
export type ReactionDispatchCommand<E extends EventTypes, I> = unknown extends I
  ? (input?: undefined, options?: ReactionDispatchOptions) => Promise<Receipt<E>>
  : undefined extends I
    ? (input?: I, options?: ReactionDispatchOptions) => Promise<Receipt<E>>
    : (input: I, options?: ReactionDispatchOptions) => Promise<Receipt<E>>

/** One function per command of the model. */
export type ReactionDispatch<E extends EventTypes, C> = {
  readonly [K in keyof C]: C[K] extends (read: any, input: infer I, ...rest: any) => any
    ? ReactionDispatchCommand<E, I>
    : never
}

/** What an attempt works with. */
export interface ReactionRun<E extends EventTypes, P, C, D, T extends keyof E> {
  readonly event: EventOf<E, T>
  /** The committed rows: they show the event, and everything before it. */
  readonly read: ReadModel<P>
  readonly dispatch: ReactionDispatch<E, C>
  /** Those of the model: text that every tab sees while it is written. */
  readonly drafts: DraftsOf<D>
  /** Names this event for this reaction, on each attempt: the idempotency key of a call outside. */
  readonly key: string
  /** Aborts if the event is cancelled, or if this page or worker does not run reactions any more. */
  readonly signal: AbortSignal
  /** 1 for the first attempt of this handler. */
  readonly attempt: number
  /**
   * What `context` of `openEngine` gives in the visible tab that was opened last. Waits until a tab answers. It is asked for each time and
   * never stored.
   */
  context<T extends Json = Json>(): Promise<T>
}

/** What `failed` works with. */
export interface ReactionFailure<E extends EventTypes, P, C, D, T extends keyof E> extends ReactionRun<E, P, C, D, T> {
  /** Why the event failed. */
  readonly error: Error
}

/** What a reaction is. */
export interface ReactionDefinition<E extends EventTypes, P, C, D, T extends keyof E & string> {
  /** 1 unless it is given. If two builds are open, the one with the higher version runs. */
  readonly version?: number | undefined
  /** The types of the events that it reacts to. */
  readonly on: readonly T[]
  /** Where it begins on a log that it has not seen: with the events after the first boot of this build, or with the first one. */
  readonly from: 'now' | 'start'
  /** Events of one lane run one after the other, in the order of the log. Without it, all are in one lane. */
  readonly lane?: ((event: EventOf<E, T>) => string) | undefined
  /** Lanes that run at the same time, 4 unless it is given. */
  readonly concurrency?: number | undefined
  /** Attempts of each handler (6), and milliseconds before the second one (1,000), doubled for each later one. */
  readonly retry?: { readonly tries?: number | undefined; readonly delay?: number | undefined } | undefined
  /** When an event's time comes: milliseconds from now, or a date. Until then it keeps nobody waiting. */
  readonly after?: ((event: EventOf<E, T>) => number | Date) | undefined
  /**
   * Only with a remote: it runs for the events of every device, on each one, and not just for those of this device. The device is part of
   * `key` and of the ids of its commands.
   */
  readonly everywhere?: boolean | undefined
  /**
   * Only with a remote: it runs for an event of this device as soon as that is durable here, and not when the shared log has it. `read`
   * shows the event later, or never if the shared log refuses it.
   */
  readonly local?: boolean | undefined
  /** Which events cancel an earlier one, as long as that is not settled. `run` is not called then; if it runs, its signal aborts. */
  readonly cancel?:
    | { readonly [K in keyof E & string]?: (event: EventOf<E, K>, earlier: EventOf<E, T>) => boolean }
    | undefined
  /**
   * Does the work. When it resolves, the event is settled. If it throws, it is called again after a while; if it throws the
   * `CommandRejected` of a dispatch, or has used up its tries, `failed` is called.
   */
  run(run: ReactionRun<E, P, C, D, T>): unknown
  /** Called in place of `run` if the page or worker of an attempt died: the work may be done or not. Without it, `run` is called again. */
  readonly lost?: ((run: ReactionRun<E, P, C, D, T>) => unknown) | undefined
  /** Writes the end of an event that failed. If it fails too, or is missing, the event is a dead letter. */
  readonly failed?: ((failure: ReactionFailure<E, P, C, D, T>) => unknown) | undefined
}

declare const reacts: unique symbol
/** What `reaction` gives. `hostProjections` and `openEngine` take it. */
export interface Reaction<E extends EventTypes, P, C, D, T extends keyof E & string> {
  /** @internal */
  readonly [runner]: RunReactions
  /** For the compiler only. */
  readonly [reacts]?: ReactionDefinition<E, P, C, D, T>
}

/** A definition at runtime. */
export type AnyDefinition = ReactionDefinition<any, any, any, any, string>
