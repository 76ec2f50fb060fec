/**
 * Signals that read an engine.
 * @module
 */
import {
  afterNextRender,
  assertInInjectionContext,
  computed,
  DestroyRef,
  Injector,
  inject,
  type Signal,
  signal,
} from '@angular/core'
import { type DraftSource, draftOf } from './bindings/draftOf.ts'
import { emptyOf } from './bindings/empty.ts'
import {
  type AnyEngine,
  type Equal,
  type GivenEngine,
  optionsOf,
  type ReadOptions,
  type Select,
} from './bindings/options.ts'
import type { Drafts, DraftText } from './drafts/types.ts'
import type { Status } from './engine/types.ts'
import type { ReadModel } from './model/model.ts'

export type { AnyEngine, Equal, GivenEngine, ReadOptions, Select } from './bindings/options.ts'

/** Options for calls outside of an injection context. */
export interface InjectOptions {
  /** The injector to use if this is called outside of an injection context. */
  readonly injector?: Injector | undefined
}

/**
 * A signal of the engine's rows. It changes when the selected value changed.
 * @example
 * ```ts
 * class TodoList {
 *   readonly list = input.required<string>()
 *   readonly todos = injectRead(engine, (read) => read.todos.by('list', this.list()))
 * }
 * ```
 *
 * `select` runs once for each change of the rows, and when a signal that it reads changed. Its result is kept while the next one is equal,
 * by default by `shallowEqual`. The subscription ends with the component, directive or service that called this. Call
 * it in an injection context, or pass `injector`. A server renders the empty log. With `server` in the options, the
 * server and the first render in the page show that value.
 */
export function injectRead<P, T>(
  engine: GivenEngine<P>,
  select: Select<P, T>,
  options?: Equal<T> | (ReadOptions<T> & InjectOptions),
): Signal<T> {
  const { equal, ...given } = optionsOf(options)
  const source = injectSource(
    engine,
    ({ read }): ReadModel<P> => read,
    ({ model }) => emptyOf<P>(model).read,
    { ...(typeof options === 'object' && options), isServed: 'server' in given },
  )
  return computed(
    () => {
      const { value, isServed } = source()
      // `server` is present, so it has the caller's type.
      return isServed && 'server' in given ? (given.server as T) : select(value)
    },
    { equal },
  )
}

/**
 * A signal of the engine's `status`. A server shows the status of an empty log in memory.
 * @example
 * ```ts
 * class SaveState {
 *   readonly status = injectStatus(engine)
 *   readonly isSaving = computed(() => this.status().pending > 0)
 * }
 * ```
 */
export function injectStatus<P>(engine: GivenEngine<P>, options: InjectOptions = {}): Signal<Status<P>> {
  const source = injectSource(
    engine,
    ({ status }): Status<P> => status,
    ({ model }) => emptyOf<P>(model).status,
    options,
  )
  return computed(() => source().value)
}

/**
 * A signal of a draft: a text that is still being written; undefined if there is none.
 * @example
 * ```ts
 * class Reply {
 *   readonly id = input.required<string>()
 *   readonly reply = injectDraft(engine.drafts.reply, () => this.id())
 * }
 * ```
 *
 * `drafts` is one of `engine.drafts`, or a signal of one. The id may be a signal too. No selector runs when a draft
 * grows. Call it in an injection context, or pass `injector`. A server renders no draft.
 */
export function injectDraft<H>(
  drafts: Drafts<H> | (() => Drafts<H>),
  id: string | (() => string),
  options: InjectOptions = {},
): Signal<DraftText<H> | undefined> {
  const source = injectSource(
    computed(() => draftOf(typeof drafts === 'function' ? drafts() : drafts, typeof id === 'function' ? id() : id)),
    ({ draft }: DraftSource<H>) => draft,
    () => undefined,
    options,
  )
  return computed(() => source().value)
}

interface SignalSource<S> {
  readonly value: S
  /** Whether this is the value that the server rendered. */
  readonly isServed: boolean
}

/**
 * A signal of a value of the engine. It changes only if the value is another object, and subscribes when it is first
 * read.
 */
function injectSource<E extends Pick<AnyEngine, 'subscribe'>, S>(
  given: E | (() => E),
  sourceOf: (engine: E) => S,
  servedOf: (engine: E) => S,
  { injector, isServed = false }: InjectOptions & { readonly isServed?: boolean },
): Signal<SignalSource<S>> {
  if (!injector) assertInInjectionContext(injectSource)
  const within = injector ?? inject(Injector)
  const engineOf = typeof given === 'function' ? given : (): E => given
  const isServer = typeof document === 'undefined'
  const served = signal(isServer || isServed)
  const changes = signal(0)
  let followed: E | undefined
  let shown: S
  let end: (() => void) | undefined
  let isOver = isServer
  within.get(DestroyRef).onDestroy(() => {
    isOver = true
    end?.()
  })
  if (!isServer && isServed) afterNextRender(() => served.set(false), { injector: within })
  const listenTo = (engine: E): void => {
    end?.()
    followed = engine
    end = engine.subscribe(() => {
      if (sourceOf(engine) !== shown) changes.update((n) => n + 1)
    })
  }
  return computed(
    () => {
      changes()
      const engine = engineOf()
      if (engine !== followed && !isOver) listenTo(engine)
      shown = sourceOf(engine)
      return served() ? { value: servedOf(engine), isServed: true } : { value: shown, isServed: false }
    },
    { equal: (last, next) => last.value === next.value && last.isServed === next.isServed },
  )
}
