/**
 * Composables that read an engine.
 * @module
 */
import {
  type App,
  type ComputedRef,
  computed,
  getCurrentInstance,
  type InjectionKey,
  inject,
  type MaybeRefOrGetter,
  onMounted,
  provide,
  type ShallowRef,
  shallowRef,
  toValue,
  watch,
} from 'vue'
import { type DraftSource, draftOf } from './bindings/draftOf.ts'
import { emptyOf } from './bindings/empty.ts'
import { type AnyEngine, type Equal, optionsOf, type ReadOptions, type Select } from './bindings/options.ts'
import type { Drafts, DraftText } from './drafts/types.ts'
import type { Engine, Status } from './engine/types.ts'
import { ModelError } from './errors.ts'
import type { EventTypes } from './model/events.ts'
import type { Model, ReadModel } from './model/model.ts'

export type { AnyEngine, Equal, ReadOptions, Select } from './bindings/options.ts'

/**
 * A computed ref of the engine's rows. It changes when the selected value changed.
 * @example
 * ```ts
 * const list = ref('inbox')
 * const todos = useRead(engine, (read) => read.todos.by('list', list.value))
 * ```
 *
 * `select` runs once for each change of the rows, and when a ref that it reads changed. Its result is kept while the next one is equal, by
 * default by `shallowEqual`. Rows are frozen and are never made reactive. `engine` may be a ref or a getter: when it
 * returns another engine, for another user, that one is read. The subscription ends with the component or effect scope
 * around it. A server and the first render of a page that hydrates show the empty log. If the server has rows, pass
 * `server` in the options on both sides.
 */
export function useRead<P, T>(
  engine: MaybeRefOrGetter<AnyEngine<P>>,
  select: Select<P, T>,
  options?: Equal<T> | ReadOptions<T>,
): ComputedRef<T> {
  const { equal, ...given } = optionsOf(options)
  const source = followSource(
    engine,
    ({ read }): ReadModel<P> => read,
    ({ model }) => emptyOf<P>(model).read,
  )
  let last: { readonly value: T } | undefined
  return computed(() => {
    const { isServed, value: read } = source.value
    // `server` is present, so it has the caller's type.
    const value = isServed && 'server' in given ? (given.server as T) : select(read)
    if (!last || !equal(last.value, value)) last = { value }
    return last.value
  })
}

/**
 * A ref of the engine's `status`. A server and the first render of a page that hydrates show the status of an empty log
 * in memory.
 * @example
 * ```ts
 * const status = useStatus(engine)
 * const isSaving = computed(() => status.value.pending > 0)
 * ```
 */
export function useStatus<P>(engine: MaybeRefOrGetter<AnyEngine<P>>): ComputedRef<Status<P>> {
  const source = followSource(
    engine,
    ({ status }): Status<P> => status,
    ({ model }) => emptyOf<P>(model).status,
  )
  return computed(() => source.value.value)
}

/**
 * A ref of a draft: a text that is still being written. Its value is undefined if there is none.
 * @example
 * ```ts
 * const reply = useDraft(() => engine.drafts.reply, () => props.id)
 * const text = computed(() => reply.value?.text ?? '')
 * ```
 *
 * `drafts` is one of `engine.drafts`, or a ref or getter of one. The id may be a ref or getter too. No selector runs
 * when a draft grows. A server and the first render of a page that hydrates show no draft.
 */
export function useDraft<H>(
  drafts: MaybeRefOrGetter<Drafts<H>>,
  id: MaybeRefOrGetter<string>,
): ComputedRef<DraftText<H> | undefined> {
  const source = followSource(
    computed(() => draftOf(toValue(drafts), toValue(id))),
    ({ draft }: DraftSource<H>) => draft,
    () => undefined,
  )
  return computed(() => source.value.value)
}

interface RefSource<S> {
  readonly value: S
  /** Whether this is the value that the server rendered. */
  readonly isServed: boolean
}

/** A ref of a value of the engine. It is triggered only if the value is another object. */
function followSource<E extends Pick<AnyEngine, 'subscribe'>, S>(
  engine: MaybeRefOrGetter<E>,
  sourceOf: (engine: E) => S,
  servedOf: (engine: E) => S,
): ShallowRef<RefSource<S>> {
  const served = (): RefSource<S> => ({ value: servedOf(toValue(engine)), isServed: true })
  if (typeof document === 'undefined') return shallowRef(served())
  const source = shallowRef<RefSource<S>>({ value: sourceOf(toValue(engine)), isServed: false })
  // A component has an element before its setup only while Vue hydrates.
  let isHydrating = !!getCurrentInstance()?.vnode.el
  if (isHydrating) source.value = served()
  const update = (): void => {
    const value = sourceOf(toValue(engine))
    if (!isHydrating && (source.value.isServed || source.value.value !== value))
      source.value = { value, isServed: false }
  }
  if (isHydrating)
    onMounted(() => {
      isHydrating = false
      update()
    })
  watch(
    (): E => toValue(engine),
    ({ subscribe }, _, onCleanup) => {
      update()
      onCleanup(subscribe(update))
    },
    { immediate: true, flush: 'sync' },
  )
  return source
}

const keys = new WeakMap<object, symbol>()

/** The key under which engines of a model are provided. */
function injectionKeyOf<E extends EventTypes, P, C, D>(model: Model<E, P, C, D>): InjectionKey<Engine<E, P, C, D>> {
  const key = keys.get(model) ?? Symbol(model.name)
  keys.set(model, key)
  return key
}

/**
 * Provides an engine to the components inside, which get it with `useEngine`. Call it in the setup of a component, or
 * for a whole app. A test can provide another engine of the same model.
 * @example
 * ```ts
 * provideEngine(engine, createApp(App)).mount('#app')
 * ```
 */
export function provideEngine<A extends App | undefined = undefined>(engine: Engine<any, any, any>, app?: A): A {
  const key = injectionKeyOf(engine.model)
  if (app) app.provide(key, engine)
  else provide(key, engine)
  // It is the given app, or undefined as given.
  return app as A
}

/**
 * The engine of this model from the nearest `provideEngine`. Throws `ModelError` if there is none.
 * @example
 * ```ts
 * const engine = useEngine(todoApp)
 * const todos = useRead(engine, (read) => read.todos.all())
 * ```
 */
export function useEngine<E extends EventTypes, P, C, D>(model: Model<E, P, C, D>): Engine<E, P, C, D> {
  const engine = inject(injectionKeyOf(model), undefined)
  if (engine) return engine
  throw new ModelError(
    `useEngine: nothing around this component provides an engine of the model "${model.name}". ` +
      'Call provideEngine(engine) in the setup of a parent, or provideEngine(engine, app).',
  )
}
