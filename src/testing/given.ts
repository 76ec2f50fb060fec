import type { Json } from '../data.ts'
import { CommandRejected, ModelError } from '../errors.ts'
import { type AnyNew, type EventTypes, eventTypes, type StoredEvent } from '../model/events.ts'
import { rowsEqual } from '../model/isEqual.ts'
import { canonical, copyJson, deepFreeze } from '../model/json.ts'
import { type AnyModel, type CommandInput, commandReadOf, createContext, decide, type Model } from '../model/model.ts'
import type { OnDisk, Projection, ReadTable, ReadValue } from '../model/projection.ts'
import type { Reaction } from '../reactions/types.ts'
import { createHistory, type History } from './foldedHistory.ts'
import { callHandler, type Reacted, type ReactionFakes } from './reacts.ts'

/** An event as an older build stored it: with a former name, with a retired type, or with a former version. */
export interface OldEvent {
  readonly type: string
  readonly version: number
  readonly data?: Json | undefined
  /** Milliseconds since 1970. 0 by default. */
  readonly at?: number | undefined
}
/** An event that a specification starts from: a new one, or one as an older build wrote it. */
export type GivenEvent<E extends EventTypes> = AnyNew<E> | OldEvent

/** The expected contents of projections: the rows of a table in their order, or a value. Projections that are not named are not compared. */
export type RowsOf<P> = {
  readonly [K in keyof P]?: P[K] extends Projection<infer Read>
    ? Read extends ReadTable<infer Row> | OnDisk<infer Row>
      ? readonly Row[]
      : Read extends ReadValue<infer State>
        ? State
        : never
    : never
}

/** The checks of a command's result. Each throws an `AssertionError` with `actual` and `expected` if the result differs. */
export interface Expectation<E extends EventTypes, P> {
  /** The command gave exactly these events, in this order. */
  then(...events: readonly AnyNew<E>[]): void
  /** The command was rejected with this code and these details. */
  thenRejected(code: string, details?: Json): void
  /** The command gave no events, and was not rejected. */
  thenNothing(): void
  /** Projections hold these rows after the events of the command. */
  thenRows(rows: RowsOf<P>): void
}

/** The events that have happened. `when` adds the command. */
export interface Specification<E extends EventTypes, P, C> {
  /** Returns a specification with the same events, in which the context of the command has this time as `now`. */
  at(now: Date | number): Specification<E, P, C>
  /** Decides the command on the given events. */
  when<K extends keyof C & string>(command: K, ...input: CommandInput<C, K>): Expectation<E, P>
  /**
   * Runs one attempt of a reaction to this event, which follows the given ones, without a browser.
   * @example
   * ```ts
   * import { reaction } from 'tidemark/reactions'
   *
   * const announce = reaction(todoApp, {
   *   on: ['todoAdded'],
   *   from: 'now',
   *   run: ({ event, dispatch }) => dispatch.toggle({ id: event.data.id }),
   * })
   * const { events: appended, settled } = await given(todoApp).reacts(announce, events.todoAdded({ id: 'a', title: 'Milk' }))
   * expect(appended).toEqual([events.todoToggled({ id: 'a' })])
   * expect(settled).toBe(true)
   * ```
   *
   * Its commands are decided on the given events, this event, and the events of its earlier commands. `fakes` replace what a browser gives
   * (`context`, `attempt`, `signal`) and choose the handler. An error that the handler throws is `error` of the result. Rejects with
   * `ModelError` if the reaction is not on that event.
   */
  reacts<T extends keyof E & string>(
    reaction: Reaction<E, P, C, any, T>,
    event: Extract<AnyNew<E>, { readonly type: T }>,
    fakes?: ReactionFakes,
  ): Promise<Reacted<AnyNew<E>>>
  /** Projections hold these rows after the given events alone. */
  thenRows(rows: RowsOf<P>): void
}

/** The result of one decision. */
type DecisionOutcome =
  | { readonly events: readonly StoredEvent[] }
  | { readonly rejected: string; readonly details?: Json }

/**
 * Specifies a command, without a database: these events have happened, this command is decided, this is the result.
 * @example
 * ```ts
 * given(todoApp, events.todoAdded({ id: 'a', title: 'Milk' }))
 *   .when('toggle', { id: 'a' })
 *   .then(events.todoToggled({ id: 'a' }))
 * given(todoApp).when('toggle', { id: 'b' }).thenRejected('todo-not-found')
 * given(todoApp).at(new Date('2026-01-01')).when('add', { title: 'Milk' }).thenRows({ count: 1 })
 * given(todoApp, { type: 'todoAdded', version: 1, data: { id: 'a', text: 'Milk' } }).thenRows({ count: 1 })
 * ```
 *
 * An event with a `version` is one of an older build: it goes through `upcast`. `id()` gives `id-1`, `id-2`, …, and `now` is 0 unless `at` sets
 * it. The input is frozen, and the command is decided twice: if the results differ, it throws `ModelError`. `when` throws what `evolve` or the
 * command throws, except for a rejection. All of this is synchronous: do not await it.
 */
export function given<E extends EventTypes, P, C>(
  model: Model<E, P, C>,
  ...events: readonly GivenEvent<E>[]
): Specification<E, P, C> {
  // The signature above has the types. The code below does not depend on them.
  return specify(model as Model<any, any, any, any>, events, 0) as Specification<any, any, any>
}

function specify(model: AnyModel, events: readonly unknown[], now: number): Specification<any, any, any> {
  const types = eventTypes(model.events)

  function start(): History {
    const history = createHistory(model)
    for (const event of events) {
      // An event from a creator of the model has no time.
      const { at = 0 } = event as { readonly at?: number }
      history.fold([isOld(event) ? storedEventOf(event) : types.store(event)], at)
    }
    return history
  }
  function decideOnce(command: string, input: unknown): { outcome: DecisionOutcome; history: History } {
    const history = start()
    let ids = 0
    const context = createContext(now, () => `id-${++ids}`)
    try {
      const read = commandReadOf(history.resident)
      const decided = decide(model, command, read, deepFreeze(copyJson(input, `command "${command}"`)), context)
      history.fold(decided, now)
      return { outcome: { events: decided }, history }
    } catch (error) {
      if (!(error instanceof CommandRejected)) throw error
      const { code, details } = error
      return { outcome: details === undefined ? { rejected: code } : { rejected: code, details }, history }
    }
  }

  return {
    at: (date) => specify(model, events, Number(date)),
    async reacts(reaction, event, fakes) {
      const history = start()
      history.fold([types.store(event)], now)
      // callHandler does not know the events of the model.
      return (await callHandler(model, history, reaction, event, now, fakes)) as Reacted<any>
    },
    // The keys are names of projections. The types of the rows do not matter here.
    thenRows: (expected) => compareRows('the given events', start(), expected as Record<string, unknown>),
    when(command, ...rest: readonly unknown[]) {
      const { outcome, history } = decideOnce(command, rest[0])
      const again = decideOnce(command, rest[0]).outcome
      if (canonical(again) !== canonical(outcome)) {
        throw new ModelError(
          `command "${command}" is not pure: decided twice, it gave ${shownOutcome(outcome)}, then ${shownOutcome(again)}; take ids and time from its context`,
        )
      }
      const expect = (expected: DecisionOutcome, actual: DecisionOutcome = outcome) => {
        if (canonical(actual) !== canonical(expected))
          failSpecification(
            `${command}: expected ${shownOutcome(expected)}, got ${shownOutcome(actual)}`,
            actual,
            expected,
          )
      }
      return {
        // biome-ignore lint/suspicious/noThenProperty: the name is from given/when/then; an await of it throws
        then(...expected) {
          if (expected.some((one) => typeof one === 'function')) {
            throw new ModelError('given/when/then is synchronous: call then(...events), do not await it')
          }
          expect({ events: expected.map(types.store) })
        },
        thenRejected(rejected, details) {
          if (details !== undefined) expect({ rejected, details })
          else expect({ rejected }, 'rejected' in outcome ? { rejected: outcome.rejected } : outcome)
        },
        thenNothing() {
          expect({ events: [] })
        },
        thenRows(expected) {
          if ('rejected' in outcome)
            failSpecification(`${command}: expected rows, got ${shownOutcome(outcome)}`, outcome, expected)
          // The keys are names of projections. The types of the rows do not matter here.
          compareRows(command, history, expected as Record<string, unknown>)
        },
      }
    },
  }
}

/** Is it an event as a log stores it, of any version? */
export const isOld = (event: unknown): event is OldEvent => typeof (event as Partial<OldEvent>)?.version === 'number'

/** The event as a log of an older build stores it. */
export function storedEventOf({ type, version, data }: OldEvent): StoredEvent {
  const copy = copyJson(data, `event "${type}"`)
  return { type, ...(version !== 1 && { version }), ...(copy !== undefined && { data: copy }) }
}

function compareRows(what: string, history: History, expected: Readonly<Record<string, unknown>>): void {
  for (const [projection, rows] of Object.entries(expected)) {
    const actual = history.rowsOf(projection)
    if (rowsEqual(actual, rows)) continue
    failSpecification(
      `${what}: expected ${projection} to be ${JSON.stringify(rows)}, got ${JSON.stringify(actual)}`,
      actual,
      rows,
    )
  }
}

function failSpecification(message: string, actual: unknown, expected: unknown): never {
  throw Object.assign(new Error(message), { name: 'AssertionError', actual, expected })
}

function shownOutcome(outcome: DecisionOutcome): string {
  if ('rejected' in outcome) return `the rejection ${JSON.stringify(outcome)}`
  return outcome.events.length ? JSON.stringify(outcome.events) : 'no events'
}
