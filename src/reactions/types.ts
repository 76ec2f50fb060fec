import type { Json } from '../data.ts'
import type { DraftsOf } from '../drafts/types.ts'
import type { RunReactions, runner } from '../engine/reactions.ts'
import type { DispatchOptions, Receipt } from '../engine/types.ts'
import type { DataOf, EventTypes, Recorded } from '../model/events.ts'
import type { ReadModel } from '../model/model.ts'

/** A recorded event of one of the given types. */
export type EventOf<E extends EventTypes, T extends keyof E> = {
  [K in T & keyof E & string]: Recorded<K, DataOf<E[K]>>
}[T & keyof E & string]

/**
 * Options for one dispatch of a reaction. The command id is not among them: it is derived from the event, so a command that an earlier attempt
 * appended is answered with its receipt.
 */
export interface ReactionDispatchOptions extends Omit<DispatchOptions, 'commandId'> {
  /** Settles the event in the transaction that appends the command, so the work is not repeated after it. */
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

/** What a handler receives for one attempt. */
export interface ReactionRun<E extends EventTypes, P, C, D, T extends keyof E> {
  readonly event: EventOf<E, T>
  /** The committed rows: they show the event, and everything before it. */
  readonly read: ReadModel<P>
  readonly dispatch: ReactionDispatch<E, C>
  /** The drafts of the model: text that every tab sees while it is being written. */
  readonly drafts: DraftsOf<D>
  /** Identifies this event for this reaction, on every attempt. Send it as the idempotency key of a call outside. */
  readonly key: string
  /** Aborts when the event is cancelled, or when this page or worker stops running reactions. */
  readonly signal: AbortSignal
  /** 1 for the first attempt of this handler. */
  readonly attempt: number
  /**
   * Returns what `context` of `openEngine` returns in the visible tab that was opened last. Waits until a tab answers. Each call asks again,
   * and the answer is never stored.
   */
  context<T extends Json = Json>(): Promise<T>
}

/** What `failed` receives. */
export interface ReactionFailure<E extends EventTypes, P, C, D, T extends keyof E> extends ReactionRun<E, P, C, D, T> {
  /** Why the event failed. */
  readonly error: Error
}

/** The definition of a reaction. */
export interface ReactionDefinition<E extends EventTypes, P, C, D, T extends keyof E & string> {
  /** Default: 1. If two builds are open, the one with the higher version runs. */
  readonly version?: number | undefined
  /** The types of the events that it reacts to. */
  readonly on: readonly T[]
  /** Where it starts on a log that it has not seen: after the first boot of this build (`'now'`), or at the first event (`'start'`). */
  readonly from: 'now' | 'start'
  /** Events of one lane run one after the other, in log order. Default: all events share one lane. */
  readonly lane?: ((event: EventOf<E, T>) => string) | undefined
  /** The number of lanes that run at the same time. Default: 4. */
  readonly concurrency?: number | undefined
  /** `tries`: attempts of each handler (6). `delay`: milliseconds before the second attempt (1,000), doubled for each later one. */
  readonly retry?: { readonly tries?: number | undefined; readonly delay?: number | undefined } | undefined
  /** When the event is due: in milliseconds from now, or at a date. Until then it blocks no other event. */
  readonly after?: ((event: EventOf<E, T>) => number | Date) | undefined
  /**
   * Only with a remote: every device runs the reaction for the events of all devices, not just for its own. The device id is part of `key`
   * and of the command ids.
   */
  readonly everywhere?: boolean | undefined
  /**
   * Only with a remote: the reaction runs for an event of this device as soon as the event is durable here, before the shared log has it.
   * `read` shows the event later, or never if the shared log refuses it.
   */
  readonly local?: boolean | undefined
  /** Which events cancel an earlier event that is not settled yet. `run` is then not called; if it is running, its signal aborts. */
  readonly cancel?:
    | { readonly [K in keyof E & string]?: (event: EventOf<E, K>, earlier: EventOf<E, T>) => boolean }
    | undefined
  /**
   * Does the work. When it resolves, the event is settled. If it throws, it is called again after a delay. If it throws the `CommandRejected`
   * of a dispatch, or its tries are used up, `failed` is called.
   */
  run(run: ReactionRun<E, P, C, D, T>): unknown
  /** Called instead of `run` after the page or worker of an attempt died: the work may be done or not. Without it, `run` is called again. */
  readonly lost?: ((run: ReactionRun<E, P, C, D, T>) => unknown) | undefined
  /** Records the end of an event that failed. If it fails too, or is missing, the event becomes a dead letter. */
  readonly failed?: ((failure: ReactionFailure<E, P, C, D, T>) => unknown) | undefined
}

declare const reacts: unique symbol
/** What `reaction` returns. Pass it to `hostProjections` and `openEngine`. */
export interface Reaction<E extends EventTypes, P, C, D, T extends keyof E & string> {
  /** @internal */
  readonly [runner]: RunReactions
  /** For the compiler only. */
  readonly [reacts]?: ReactionDefinition<E, P, C, D, T>
}

/** A definition at runtime. */
export type AnyDefinition = ReactionDefinition<any, any, any, any, string>
