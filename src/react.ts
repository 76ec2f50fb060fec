/**
 * Hooks that render with an engine.
 * @module
 */
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
  useState,
  useSyncExternalStore,
} from 'react'
import { emptyOf } from './bindings/empty.ts'
import { type AnyEngine, type Equal, optionsOf, type ReadOptions, type Select } from './bindings/options.ts'
import type { Drafts, DraftText } from './drafts/types.ts'
import type { UndoStack } from './engine/tools/undoStack.ts'
import type { DispatchOptions, Engine, Receipt, Status } from './engine/types.ts'
import { ModelError } from './errors.ts'
import type { EventTypes } from './model/events.ts'
import type { AnyModel, Model, ReadModel } from './model/model.ts'
import { createGetter } from './select.ts'

export type { AnyEngine, Equal, ReadOptions, Select } from './bindings/options.ts'

/**
 * Reads from the engine and renders again when the selected value changed.
 * @example
 * ```ts
 * const open = useRead(engine, (read) => read.todos.by('done', false))
 * const titles = useRead(engine, (read) => read.todos.all().map(({ id, title }) => ({ id, title })), deepEqual)
 * ```
 *
 * `select` may be inline and may build arrays or plain objects: its result is remembered per `read` object, and the
 * last result is kept while the new one is equal. By default two results are equal if they are the same value
 * (`Object.is`), or arrays or plain objects with the same members, one level deep. Objects that `select` builds inside
 * an array are new each time: pass `deepEqual` from `tidemark` for them. If `select` throws, the component throws.
 *
 * After a change, a function that stays the same (outside the component, in `useCallback`, or kept by React's compiler) runs once. An inline
 * function is a new one in each render: the last one decides whether to render, and that render runs its own, which may
 * use other props.
 *
 * A server renders the empty log, and so does the first render of `hydrateRoot`, whatever the browser has stored. The stored rows follow
 * at once. Give `{ server }` on both sides if the server has rows.
 */
export function useRead<P, T>(engine: AnyEngine<P>, select: Select<P, T>, options?: Equal<T> | ReadOptions<T>): T {
  const { equal, ...given } = optionsOf<T>(options)
  // An inline selector is a new function in each render. This ref carries the last value to the next getter.
  const rendered = useRef<{ readonly value: T }>(undefined)
  const get = useMemo(
    () => createGetter((): ReadModel<P> => engine.read, select, equal, rendered.current),
    [engine, select, equal],
  )
  const server = useRef<{ readonly value: T }>(undefined)
  const serverSnapshot = (): T =>
    'server' in given
      ? // `server` is present, so it has the caller's type.
        (given.server as T)
      : // biome-ignore lint/suspicious/noAssignInExpressions: every page that renders pays for each byte here
        (server.current ??= { value: select(emptyOf<P>(engine.model).read) }).value
  const value = useSyncExternalStore(engine.subscribe, get, serverSnapshot)
  useEffect(() => {
    rendered.current = { value }
  }, [value])
  return value
}

/**
 * The engine's `status`. Renders again after each change of it. A server and the first render of `hydrateRoot` show the
 * status of an empty log in memory.
 * @example
 * ```ts
 * const { state, pending } = useStatus(engine)
 * ```
 */
export function useStatus<P>(engine: Engine<any, P, any>): Status<P> {
  return useSyncExternalStore(
    engine.subscribe,
    (): Status<P> => engine.status,
    (): Status<P> => emptyOf<P>(engine.model).status,
  )
}

/**
 * A draft: a text that is still being written; undefined if there is none. Renders again as it grows.
 * @example
 * ```tsx
 * const reply = useDraft(engine.drafts.reply, id)
 * return <p>{reply?.text}{reply?.state === 'live' && '…'}</p>
 * ```
 *
 * `drafts` is one of `engine.drafts`. No selector runs when a draft grows. A server and the first render of
 * `hydrateRoot` show no draft.
 */
export function useDraft<H>(drafts: Drafts<H>, id: string): DraftText<H> | undefined {
  const subscribe = useMemo(() => (listener: () => void) => drafts.subscribe(id, listener), [drafts, id])
  return useSyncExternalStore(
    subscribe,
    () => drafts.get(id),
    () => undefined,
  )
}

/** The engines of the providers around a component, the nearest one first. */
const Engines: Context<readonly AnyEngine[]> = /*#__PURE__*/ createContext<readonly AnyEngine[]>([])

/**
 * Provides an engine to the components inside, which get it with `useEngine`. A test can provide another engine of the
 * same model.
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
  readonly engine: AnyEngine
  readonly children?: ReactNode
}): ReactElement {
  const outer = useContext(Engines)
  const value = useMemo(() => [engine, ...outer], [engine, outer])
  return createElement(Engines.Provider, { value }, children)
}

/**
 * The engine of this model from the nearest `EngineProvider`. Throws `ModelError` if there is none.
 * @example
 * ```ts
 * const engine = useEngine(todoApp)
 * const todos = useRead(engine, (read) => read.todos.all())
 * ```
 */
export function useEngine<E extends EventTypes, P, C, D>(model: Model<E, P, C, D>): Engine<E, P, C, D> {
  // The cast is safe: the model is only compared.
  const engine = useContext(Engines).find((engine) => engine.model === (model as AnyModel))
  // The context does not keep the model's types. The comparison shows that they fit.
  if (engine) return engine as unknown as Engine<E, P, C, D>
  throw new ModelError(
    `useEngine: no EngineProvider around this component gives an engine of the model "${model.name}". ` +
      'Wrap the app in <EngineProvider engine={engine}>.',
  )
}

/** The arguments of the `dispatch` of one command: its input, if it has one, and options. */
export type DispatchArguments<I> = unknown extends I
  ? [input?: undefined, options?: DispatchOptions]
  : undefined extends I
    ? [input?: I, options?: DispatchOptions]
    : [input: I, options?: DispatchOptions]

/** One command of an engine, with the outcome of its last call. */
export interface UseCommand<E extends EventTypes, I> {
  /**
   * Dispatches the command. The promise never rejects: it resolves with the receipt, or with undefined if the command
   * failed, and then
   * `error` is set. It is the same function in each render.
   */
  readonly dispatch: (...given: DispatchArguments<I>) => Promise<Receipt<E> | undefined>
  /** Whether commands of this component are not durable yet. */
  readonly pending: boolean
  /** The error of the last command. A new dispatch clears it. */
  readonly error: Error | undefined
}

/**
 * A command of the engine, with the outcome of its last call in this component.
 * @example
 * ```tsx
 * const { dispatch, pending, error } = useCommand(engine, 'add')
 * return (
 *   <button onClick={() => dispatch({ title })} disabled={pending}>{error ? error.message : 'Add'}</button>
 * )
 * ```
 *
 * Without the state, `engine.dispatch.add` does the same, but its promise rejects.
 */
export function useCommand<E extends EventTypes, C, K extends keyof C & string>(
  engine: Engine<E, any, C>,
  name: K,
): UseCommand<E, C[K] extends (read: any, input: infer I, ...rest: any) => any ? I : never> {
  const [last, setLast] = useState<CommandState>(nothingSent)
  const dispatch = useMemo(() => {
    let newest = 0
    let pending = 0
    let error: Error | undefined
    const dispatch = (...given: [input?: any, options?: DispatchOptions]): Promise<Receipt<E> | undefined> => {
      const one = ++newest
      const show = (by: number, failure?: Error): undefined => {
        pending += by
        // The outcome of an older dispatch is not shown beside a newer one.
        if (one === newest) error = failure
        const sent = { dispatch, pending, error }
        // An outcome is not shown if the component has switched to another engine or command.
        setLast((shown) => (by > 0 || shown.dispatch === dispatch ? sent : shown))
      }
      // `DispatchArguments` has checked the input where `dispatch` was called.
      const receipt = engine.dispatch[name](...(given as [any]))
      show(1)
      return receipt.then(
        (receipt) => {
          show(-1)
          return receipt
        },
        (error) => show(-1, error),
      )
    }
    return dispatch
  }, [engine, name])
  const { pending, error } = last.dispatch === dispatch ? last : nothingSent
  return { dispatch, pending: pending > 0, error }
}

interface CommandState {
  /** The `dispatch` function of the engine and command that this state belongs to. */
  readonly dispatch?: unknown
  readonly pending: number
  readonly error?: Error | undefined
}
const nothingSent: CommandState = { pending: 0 }

/**
 * An undo stack of `tidemark/tools`. Renders again when `canUndo` or `canRedo` changed.
 * @example
 * ```tsx
 * const { undo, canUndo } = useUndo(stack)
 * return <button onClick={() => undo()} disabled={!canUndo}>Undo</button>
 * ```
 */
export function useUndo<E extends EventTypes>(
  stack: UndoStack<E>,
): Pick<UndoStack<E>, 'undo' | 'redo' | 'canUndo' | 'canRedo'> {
  const { undo, redo, subscribe } = stack
  const canUndo = useSyncExternalStore(subscribe, () => stack.canUndo, never)
  const canRedo = useSyncExternalStore(subscribe, () => stack.canRedo, never)
  return { undo, redo, canUndo, canRedo }
}
const never = (): boolean => false
