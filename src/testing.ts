import type { Json } from './data.ts'
import { openEngine } from './engine/openEngine.ts'
import type { Engine, OpenOptions } from './engine/types.ts'
import { CommandRejected, ModelError } from './errors.ts'
import { randomId } from './ids.ts'
import { type AnyNew, type EventTypes, eventTypes, type StoredEvent } from './model/events.ts'
import { canonical, copyJson, deepFreeze } from './model/json.ts'
import { type AnyModel, commandReadOf, createContext, createFolds, decide, type Model } from './model/model.ts'

type CommandInput<C, K extends keyof C> = C[K] extends (read: any, input: infer I, ...rest: any) => any
  ? unknown extends I
    ? []
    : undefined extends I
      ? [input?: I]
      : [input: I]
  : never

/** What a command is expected to answer. Each throws an `AssertionError` with `actual` and `expected` when it answered otherwise. */
export interface Expectation<E extends EventTypes> {
  /** Exactly these events, in this order. */
  then(...events: readonly AnyNew<E>[]): void
  /** A rejection with this code, and these details where given. */
  thenRejected(code: string, details?: Json): void
  /** No events and no rejection. */
  thenNothing(): void
}

/** What one decision gave. */
type Outcome = { readonly events: readonly StoredEvent[] } | { readonly rejected: string; readonly details?: Json }

/**
 * Specifies a command, without a database: these events happened, this command comes, that is the answer.
 * @example
 * given(todoApp, events.todoAdded({ id: 'a', title: 'Milk' }))
 *   .when('toggle', { id: 'a' })
 *   .then(events.todoToggled({ id: 'a' }))
 * given(todoApp).when('toggle', { id: 'b' }).thenRejected('todo-not-found')
 *
 * `id()` gives `id-1`, `id-2`, …, `now` is 0. The input is frozen and the command decided twice: two answers throw `ModelError`. What
 * the command throws besides a rejection, or an `evolve` on its events, comes out of `when`. Nothing here is asynchronous: do not await.
 */
export function given<E extends EventTypes, P, C>(
  model: Model<E, P, C>,
  ...events: readonly AnyNew<E>[]
): { when<K extends keyof C & string>(command: K, ...input: CommandInput<C, K>): Expectation<E> } {
  const any: AnyModel = model as Model<any, any, any>
  const types = eventTypes(any.events)

  const fold = (folds: ReturnType<typeof createFolds>, stored: readonly StoredEvent[]) => {
    for (const one of stored) {
      const { type, data, ...version } = types.today(one)
      const sequence = folds[0] ? folds[0].sequence + 1 : 1
      for (const each of folds) {
        each.apply({ ...version, sequence, type, data, at: 0, commandId: 'given' })
        each.sequence = sequence
      }
    }
  }

  return {
    when(command, ...rest: readonly unknown[]) {
      const once = (): Outcome => {
        const folds = createFolds(any)
        fold(folds, events.map(types.store))
        let ids = 0
        const context = createContext(0, () => `id-${++ids}`)
        try {
          const decided = decide(any, command, commandReadOf(folds), deepFreeze(copyJson(rest[0])), context)
          fold(folds, decided)
          return { events: decided }
        } catch (error) {
          if (!(error instanceof CommandRejected)) throw error
          const { code, details } = error
          return details === undefined ? { rejected: code } : { rejected: code, details }
        }
      }
      const outcome = once()
      const again = once()
      if (canonical(again) !== canonical(outcome)) {
        throw new ModelError(
          `command "${command}" is not pure: decided twice, it gave ${show(outcome)}, then ${show(again)}; take ids and time from its context`,
        )
      }
      const expect = (expected: Outcome, actual: Outcome = outcome) => {
        if (canonical(actual) === canonical(expected)) return
        throw Object.assign(new Error(`${command}: expected ${show(expected)}, got ${show(actual)}`), {
          name: 'AssertionError',
          actual,
          expected,
        })
      }
      return {
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
      }
    },
  }
}

function show(outcome: Outcome): string {
  if ('rejected' in outcome) return `the rejection ${JSON.stringify(outcome)}`
  return outcome.events.length ? JSON.stringify(outcome.events) : 'no events'
}

/**
 * Opens an engine for one test: on IndexedDB where there is one (load `fake-indexeddb/auto` first), else in memory.
 * @example
 * const engine = await openTestEngine(todoApp)
 * await engine.dispatch.add({ title: 'Milk' })
 * await engine.close()
 *
 * Each call opens a log of its own, unless `name` is given; give one to open the same log again.
 */
export function openTestEngine<E extends EventTypes, P, C>(
  model: Model<E, P, C>,
  options: Omit<OpenOptions, 'worker'> = {},
): Promise<Engine<E, P, C>> {
  return openEngine(model, {
    name: `${model.name}-${randomId()}`,
    ...(globalThis.indexedDB ? {} : { storage: 'memory' as const }),
    ...options,
  })
}
