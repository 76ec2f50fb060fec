/**
 * Accessors that read an engine.
 * @module
 */
import { type Accessor, createComputed, createMemo, createSignal, onCleanup, onMount, sharedConfig } from 'solid-js'
import { isServer } from 'solid-js/web'
import { type DraftSource, draftOf } from './bindings/draftOf.ts'
import { emptyOf } from './bindings/empty.ts'
import { type AnyEngine, type Equal, optionsOf, type ReadOptions, type Select } from './bindings/options.ts'
import type { Drafts, DraftText } from './drafts/types.ts'
import type { Status } from './engine/types.ts'
import type { ReadModel } from './model/model.ts'

export type { AnyEngine, Equal, ReadOptions, Select } from './bindings/options.ts'

/**
 * An accessor of the engine's rows. It changes when the selected value changed.
 * @example
 * ```tsx
 * const todos = createRead(engine, (read) => read.todos.by('done', false))
 * return <For each={todos()}>{(todo) => <li>{todo.title}</li>}</For>
 * ```
 *
 * `select` runs once for each change of the rows, and when a signal that it reads changed. Its result is kept while the next one is equal,
 * by default by `shallowEqual`. A row that did not change is the same object, so `<For>` keeps its element. `engine`
 * may be an accessor: when it returns another engine, for another user, that one is read. The subscription ends with
 * its owner. A server and a page while it hydrates show the empty log. If the server has rows, pass `server` in the
 * options on both sides.
 */
export function createRead<P, T>(
  engine: AnyEngine<P> | Accessor<AnyEngine<P>>,
  select: Select<P, T>,
  options?: Equal<T> | ReadOptions<T>,
): Accessor<T> {
  const { equal, ...given } = optionsOf(options)
  const source = createSource(
    engine,
    ({ read }): ReadModel<P> => read,
    ({ model }) => emptyOf<P>(model).read,
  )
  return createMemo(
    () => {
      const { value, isServed } = source()
      // `server` is present, so it has the caller's type.
      return isServed && 'server' in given ? (given.server as T) : select(value)
    },
    undefined,
    { equals: equal },
  )
}

/**
 * An accessor of the engine's `status`. A server and a page while it hydrates show the status of an empty log in
 * memory.
 * @example
 * ```tsx
 * const status = createStatus(engine)
 * return <p>{status().pending} unsaved</p>
 * ```
 */
export function createStatus<P>(engine: AnyEngine<P> | Accessor<AnyEngine<P>>): Accessor<Status<P>> {
  const source = createSource(
    engine,
    ({ status }): Status<P> => status,
    ({ model }) => emptyOf<P>(model).status,
  )
  return createMemo(() => source().value)
}

/**
 * An accessor of a draft: a text that is still being written; undefined if there is none.
 * @example
 * ```tsx
 * const reply = createDraft(engine.drafts.reply, () => props.id)
 * return <p>{reply()?.text}</p>
 * ```
 *
 * `drafts` is one of `engine.drafts`, or an accessor of one. The id may be an accessor too. No selector runs when a
 * draft grows. A server and a page while it hydrates show no draft.
 */
export function createDraft<H>(
  drafts: Drafts<H> | Accessor<Drafts<H>>,
  id: string | Accessor<string>,
): Accessor<DraftText<H> | undefined> {
  const draftsOf = typeof drafts === 'function' ? drafts : (): Drafts<H> => drafts
  const idOf = typeof id === 'function' ? id : (): string => id
  const source = createSource(
    createMemo(() => draftOf(draftsOf(), idOf())),
    ({ draft }: DraftSource<H>) => draft,
    () => undefined,
  )
  return createMemo(() => source().value)
}

interface AccessorSource<S> {
  readonly value: S
  /** Whether this is the value that the server rendered. */
  readonly isServed: boolean
}

/** A signal of a value of the engine. It changes only if the value is another object. */
function createSource<E extends Pick<AnyEngine, 'subscribe'>, S>(
  given: E | Accessor<E>,
  sourceOf: (engine: E) => S,
  servedOf: (engine: E) => S,
): Accessor<AccessorSource<S>> {
  const engine = typeof given === 'function' ? given : (): E => given
  const served = (): AccessorSource<S> => ({ value: servedOf(engine()), isServed: true })
  if (isServer) return served
  let isHydrating = !!sharedConfig.context
  const [source, setSource] = createSignal<AccessorSource<S>>(
    isHydrating ? served() : { value: sourceOf(engine()), isServed: false },
    { equals: (last, next) => last.value === next.value && last.isServed === next.isServed },
  )
  const update = (): void => {
    if (!isHydrating) setSource({ value: sourceOf(engine()), isServed: false })
  }
  if (isHydrating)
    onMount(() => {
      isHydrating = false
      update()
    })
  createComputed(() => {
    const { subscribe } = engine()
    update()
    onCleanup(subscribe(update))
  })
  return source
}
