import { createListeners } from './async.ts'
import { shallowEqual } from './model/isEqual.ts'

declare global {
  interface SymbolConstructor {
    // As rxjs declares it: `from(selection)` compiles with and without its types.
    readonly observable: symbol
  }
}

/**
 * Gets the value at once and after each change. `error` gets errors of later selections; without it, `reportError`
 * does.
 */
export interface SelectionObserver<T> {
  /** Called with the value. */
  readonly next?: ((value: T) => void) | undefined
  /** Called with the error that the function of `select` threw. */
  readonly error?: ((error: unknown) => void) | undefined
}

/** One value of an engine's read model, to read and to subscribe to. */
export interface Selection<T> {
  /** The present value. It is the same object until it changes. Throws if the function of `select` throws. */
  get(): T
  /**
   * Calls `run` at once with the present value, and again after each change of it. Returns the function that
   * unsubscribes. That function also has a method `unsubscribe`, as the subscriptions of observables have.
   */
  subscribe(run: ((value: T) => void) | SelectionObserver<T>): Unsubscribe
  /** For rxjs. */
  [Symbol.observable](): Selection<T>
}

/** Ends a subscription: call it, or its `unsubscribe`. */
export type Unsubscribe = (() => void) & {
  /** Ends the subscription. */
  unsubscribe(): void
}

/** The source of `select`: an engine, or an object with these two members. */
export interface Selectable<R> {
  readonly read: R
  /** Calls the listener after each change, and returns the function that unsubscribes. */
  subscribe(listener: () => void): () => void
}

/**
 * Selects a value of `engine.read`, to read it and to subscribe to its changes. The result is a store for Svelte, an
 * observable for rxjs' and Solid's `from`, for Angular's `toSignal`, and for others.
 * @example
 * ```ts
 * const open = select(engine, (read) => read.todos.by('done', false))
 * open.get().length
 * const end = open.subscribe((todos) => console.log(todos.length))
 * end()
 * ```
 *
 * `fn` runs at most once for each change of `read`, for any number of listeners. Without a listener it runs only when
 * `get` is called. Its result is kept while the next one is equal: by default the same value, or arrays or plain
 * objects with the same members (`shallowEqual`). Pass `deepEqual` if `fn` builds objects inside an array. A selection
 * subscribes to the engine only while it has a subscriber. If `fn` throws, `get` and `subscribe` throw. Later errors go
 * to `error` of the observer, or to `reportError`, and the subscription continues.
 */
export function select<R extends object, T>(
  engine: Selectable<R>,
  fn: (read: R) => T,
  equal: (last: T, next: T) => boolean = shallowEqual,
): Selection<T> {
  const get = createGetter((): R => engine.read, fn, equal)
  const listeners = createListeners()
  let leave: (() => void) | undefined

  const selection = {
    get,
    subscribe(run: ((value: T) => void) | SelectionObserver<T>): Unsubscribe {
      const { next, error }: SelectionObserver<T> = typeof run === 'function' ? { next: run } : run
      get()
      /**
       * The last outcome that this listener got. If a listener changes the log, a nested round has already called the
       * others.
       */
      let known: SelectorOutcome<T> | undefined
      let isOver = false
      const tell = (): void => {
        if (isOver) return
        const now = outcomeOf(get)
        if (known && Object.is(known.value, now.value) && Object.is(known.error, now.error)) return
        known = now
        // If it has not failed, it has a value.
        if (!now.isFailed) next?.call(run, now.value as T)
        else if (error) error.call(run, now.error)
        else throw now.error
      }
      const forget = listeners.add(tell)
      leave ??= engine.subscribe(listeners.tell)
      const end = (): void => {
        isOver = true
        forget()
        if (listeners.size) return
        leave?.()
        leave = undefined
      }
      try {
        tell()
      } catch (thrown) {
        end()
        throw thrown
      }
      return Object.assign(end, { unsubscribe: end })
    },
  }
  // The two keys that rxjs looks for, with and without a polyfill of the symbol.
  for (const key of [Symbol.observable ?? '@@observable', '@@observable'])
    Object.defineProperty(selection, key, { value: () => selection, configurable: true })
  // The interop symbol is defined under a computed name.
  return selection as Selection<T>
}

interface SelectorOutcome<T> {
  readonly isFailed: boolean
  readonly value?: T
  readonly error?: unknown
}

function outcomeOf<T>(get: () => T): SelectorOutcome<T> {
  try {
    return { isFailed: false, value: get() }
  } catch (error) {
    return { isFailed: true, error }
  }
}

/**
 * Returns a function that returns `fn` of the present source. The source is a new object after each change, and `fn`
 * runs once for each. The last value is kept while the new one is equal, starting with `kept`. If `fn` throws, the
 * function throws the same error.
 */
export function createGetter<S extends object, T>(
  sourceOf: () => S,
  fn: (source: S) => T,
  equal: (last: T, next: T) => boolean,
  kept?: { readonly value: T },
): () => T {
  let last = kept
  let source: S | undefined
  let failure: { readonly error: unknown } | undefined
  return () => {
    const now = sourceOf()
    if (now !== source) {
      source = now
      failure = undefined
      try {
        const value = fn(now)
        if (!last || !equal(last.value, value)) last = { value }
      } catch (error) {
        failure = { error }
      }
    }
    if (failure) throw failure.error
    // If it has not failed, it has a value.
    return (last as { value: T }).value
  }
}
