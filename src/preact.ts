/**
 * Hooks that render with an engine, for Preact.
 * @module
 */
import { useCallback, useLayoutEffect, useMemo, useReducer, useRef } from 'preact/hooks'
import { draftOf } from './bindings/draftOf.ts'
import { emptyOf } from './bindings/empty.ts'
import { type AnyEngine, type Equal, optionsOf, type ReadOptions, type Select } from './bindings/options.ts'
import type { Drafts, DraftText } from './drafts/types.ts'
import type { Status } from './engine/types.ts'
import type { ReadModel } from './model/model.ts'
import { createGetter } from './select.ts'

export type { AnyEngine, Equal, ReadOptions, Select } from './bindings/options.ts'

/**
 * Reads from the engine and renders again when the selected value changed.
 * @example
 * ```tsx
 * const open = useRead(engine, (read) => read.todos.by('done', false))
 * return <p>{open.length} to do</p>
 * ```
 *
 * `select` may be inline and may build arrays or plain objects: the last result is kept while the new one is equal, by default by
 * `shallowEqual`. After a change, a function that stays the same (outside the component, or in `useCallback`) runs
 * once. An inline function is a new one in each render: the last one decides whether to render, and that render runs
 * its own. If `select` throws, the component throws.
 *
 * A server renders the empty log, or `server` of the options. Preact does not tell whether a page hydrates. So with
 * `server`, the first render in the page always shows that value, and the stored rows follow at once.
 */
export function useRead<P, T>(engine: AnyEngine<P>, select: Select<P, T>, options?: Equal<T> | ReadOptions<T>): T {
  const { equal, ...given } = optionsOf(options)
  const kept = useRef<Kept<T> | undefined>(undefined)
  const get = useMemo(
    () => createGetter((): ReadModel<P> => engine.read, select, equal, kept.current),
    [engine, select, equal],
  )
  const isServed = 'server' in given
  return useGetter(
    engine,
    get,
    kept,
    isServed || isServer()
      ? // `server` is present, so it has the caller's type.
        (): T => (isServed ? (given.server as T) : select(emptyOf<P>(engine.model).read))
      : undefined,
  )
}

/**
 * The engine's `status`. Renders again after each change of it. A server shows the status of an empty log in memory.
 * @example
 * ```ts
 * const { state, pending } = useStatus(engine)
 * ```
 */
export function useStatus<P>(engine: AnyEngine<P>): Status<P> {
  const get = useCallback((): Status<P> => engine.status, [engine])
  return useGetter(
    engine,
    get,
    useRef<Kept<Status<P>> | undefined>(undefined),
    isServer() ? (): Status<P> => emptyOf<P>(engine.model).status : undefined,
  )
}

/**
 * A draft: a text that is still being written; undefined if there is none. Renders again as it grows.
 * @example
 * ```tsx
 * const reply = useDraft(engine.drafts.reply, id)
 * return <p>{reply?.text}</p>
 * ```
 *
 * `drafts` is one of `engine.drafts`. No selector runs when a draft grows. A server renders no draft.
 */
export function useDraft<H>(drafts: Drafts<H>, id: string): DraftText<H> | undefined {
  const source = useMemo(() => draftOf(drafts, id), [drafts, id])
  const get = useCallback((): DraftText<H> | undefined => source.draft, [source])
  return useGetter(
    source,
    get,
    useRef<Kept<DraftText<H> | undefined> | undefined>(undefined),
    isServer() ? noEngine : undefined,
  )
}
const noEngine = (): undefined => undefined

const isServer = (): boolean => typeof document === 'undefined'

interface Kept<T> {
  readonly value: T
}

/** `first` returns the value for the first render. Without it, the first render shows the present value. */
function useGetter<T>(
  { subscribe }: Pick<AnyEngine, 'subscribe'>,
  get: () => T,
  kept: { current: Kept<T> | undefined },
  first: (() => T) | undefined,
): T {
  const [isLater, render] = useReducer((_: boolean | object, now: object): boolean | object => now, false)
  const value = first && !isLater ? first() : get()
  const last = useRef(get)
  useLayoutEffect(() => {
    kept.current = { value }
    last.current = get
  })
  useLayoutEffect(() => {
    const update = (): void => {
      let isSame = false
      try {
        isSame = Object.is(last.current(), kept.current?.value)
      } catch {
        // The next render throws the same error.
      }
      if (!isSame) render({})
    }
    const end = subscribe(update)
    update()
    return end
  }, [subscribe, kept])
  return value
}
