import {
  type Context,
  createContext,
  createElement,
  type ReactElement,
  type ReactNode,
  useContext,
  useEffect,
  useMemo,
  useRef,
  useSyncExternalStore,
} from 'react'
import type { Engine, Status } from './engine/types.ts'
import { ModelError } from './errors.ts'
import type { EventTypes } from './model/events.ts'
import { shallowEqual } from './model/isEqual.ts'
import { type AnyModel, createFolds, type Model, type ReadModel, readOf } from './model/model.ts'

/** The third argument of `useRead`, if it is more than a comparison. */
export interface UseReadOptions<T> {
  /** Are both the same to this component? By default `shallowEqual`; `deepEqual` also looks inside rows that `select` builds. */
  readonly equal?: ((last: T, next: T) => boolean) | undefined
  /** What the server rendered, if that was not the empty log: the first value of `hydrateRoot`. */
  readonly server?: T
}

/**
 * Reads from the engine and renders again when the selected value changed.
 * @example
 * ```ts
 * const open = useRead(engine, (read) => read.todos.by('done', false))
 * const titles = useRead(engine, (read) => read.todos.all().map(({ id, title }) => ({ id, title })), deepEqual)
 * ```
 *
 * `select` may be inline and may build arrays or plain objects: its result is remembered per `read` object, and the last one is kept while
 * the new one is equal. By default both are equal if they are the same value (`Object.is`), or arrays or plain objects whose members are the
 * same, one level deep. Objects that `select` builds inside an array are new each time: pass `deepEqual` from `tidemark` for them.
 * If `select` throws, the component throws.
 *
 * A server renders the empty log, and so does the first render of `hydrateRoot`, whatever the browser has stored. The stored rows follow
 * at once. Give `{ server }` on both sides if the server has rows.
 */
export function useRead<P, T>(
  engine: Engine<any, P, any>,
  select: (read: ReadModel<P>) => T,
  options?: ((last: T, next: T) => boolean) | UseReadOptions<T>,
): T {
  const { equal = shallowEqual, ...given }: UseReadOptions<T> =
    typeof options === 'function' ? { equal: options } : (options ?? {})
  // An inline selector is another function in each render: this carries the result from one to the next.
  const rendered = useRef<{ readonly value: T }>(undefined)
  const snapshot = useMemo(() => {
    let last = rendered.current
    let lastRead: ReadModel<P> | undefined
    return (): T => {
      const { read } = engine
      if (!last || read !== lastRead) {
        const value = select(read)
        if (!last || !equal(last.value, value)) last = { value }
        lastRead = read
      }
      return last.value
    }
  }, [engine, select, equal])
  const server = useRef<{ readonly value: T }>(undefined)
  const serverSnapshot = (): T => {
    if ('server' in given) return given.server as T
    server.current ??= { value: select(emptyOf(engine.model).read as ReadModel<P>) }
    return server.current.value
  }
  const value = useSyncExternalStore(engine.subscribe, snapshot, serverSnapshot)
  useEffect(() => {
    rendered.current = { value }
  }, [value])
  return value
}

/**
 * The engine's `status`; renders again with each change of it. A server and the first render of `hydrateRoot` show that of an empty log
 * in memory.
 * @example
 * ```ts
 * const { state, pending } = useStatus(engine)
 * ```
 */
export function useStatus<P>(engine: Engine<any, P, any>): Status<P> {
  return useSyncExternalStore(
    engine.subscribe,
    (): Status<P> => engine.status,
    (): Status<P> => emptyOf(engine.model).status,
  )
}

interface Provided {
  readonly engine: Engine<any, any, any>
  readonly outer: Provided | undefined
}
const Engines: Context<Provided | undefined> = /*#__PURE__*/ createContext<Provided | undefined>(undefined)

/**
 * Gives an engine to the components inside, which take it with `useEngine`. A test gives another engine of the same model.
 * @example
 * ```tsx
 * createRoot(page).render(<EngineProvider engine={engine}><App /></EngineProvider>)
 * render(<EngineProvider engine={await openTestEngine(todoApp)}><App /></EngineProvider>)
 * ```
 */
export function EngineProvider({
  engine,
  children,
}: {
  readonly engine: Engine<any, any, any>
  readonly children?: ReactNode
}): ReactElement {
  const outer = useContext(Engines)
  const value = useMemo(() => ({ engine, outer }), [engine, outer])
  return createElement(Engines.Provider, { value }, children)
}

/**
 * The engine of this model that the nearest `EngineProvider` gives. Throws `ModelError` if there is none.
 * @example
 * ```ts
 * const engine = useEngine(todoApp)
 * const todos = useRead(engine, (read) => read.todos.all())
 * ```
 */
export function useEngine<E extends EventTypes, P, C>(model: Model<E, P, C>): Engine<E, P, C> {
  const nearest = useContext(Engines)
  for (let provided = nearest; provided; provided = provided.outer)
    if (provided.engine.model === (model as AnyModel)) return provided.engine
  throw new ModelError(
    `useEngine: no EngineProvider around this component gives an engine of the model "${model.name}". ` +
      'Wrap the app in <EngineProvider engine={engine}>.',
  )
}

interface Empty {
  readonly read: object
  readonly status: Status<any>
}
const empties = new WeakMap<object, Empty>()

/** What an engine of this model shows while its log is empty and in memory, as on a server. The same object each time, as React asks. */
function emptyOf(model: object): Empty {
  let empty = empties.get(model)
  if (!empty) {
    const { projections } = model as AnyModel
    const ready = { state: 'ready', sequence: 0 } as const
    const status: Status<any> = Object.freeze<Status<any>>({
      state: 'ready',
      sequence: 0,
      projected: 0,
      pending: 0,
      worker: 'none',
      storage: 'memory',
      projections: Object.fromEntries(Object.keys(projections).map((name) => [name, ready])),
      mirror: { state: 'off', sequence: 0 },
    })
    empties.set(model, (empty = { read: Object.freeze(readOf(createFolds(model as AnyModel))), status }))
  }
  return empty
}
