/**
 * Reactive values and stores that read an engine.
 * @module
 */
import { untrack } from 'svelte'
import { createSubscriber } from 'svelte/reactivity'
import { toStore } from 'svelte/store'
import { draftOf } from './bindings/draftOf.ts'
import type { AnyEngine, Equal, GivenEngine, Select } from './bindings/options.ts'
import type { Drafts, DraftText } from './drafts/types.ts'
import type { Status } from './engine/types.ts'
import { shallowEqual } from './model/isEqual.ts'
import type { ReadModel } from './model/model.ts'
import { createGetter } from './select.ts'

export type { AnyEngine, Equal, GivenEngine, Select } from './bindings/options.ts'

/** A reactive value: effects and templates that read `current` run again when it changes. */
export interface Current<T> {
  readonly current: T
}

/**
 * A value of the engine's rows. Templates, effects and `$derived` values that read `current` run again when it changed.
 * @example
 * ```svelte
 * <script>
 *   const open = fromRead(engine, (read) => read.todos.by('done', false))
 * </script>
 * {#each open.current as todo (todo.id)}<li>{todo.title}</li>{/each}
 * ```
 *
 * It can be called anywhere, also in a plain module, and `current` always gives the present value. `select` runs at
 * most once for each change of the rows, and its result is kept while the next one is equal, by default by
 * `shallowEqual`. It may read props and other state: after such state has changed once, `select` runs each time
 * `current` is read. It subscribes to the engine only while an effect follows it.
 */
export function fromRead<P, T>(
  engine: GivenEngine<P>,
  select: Select<P, T>,
  equal: Equal<T> = shallowEqual,
): Current<T> {
  return followEngine(engine, ({ read }): ReadModel<P> => read, select, equal)
}

/**
 * The engine's `status`. Templates, effects and `$derived` values that read `current` run again after each change of
 * it.
 * @example
 * ```svelte
 * <script>
 *   const status = fromStatus(engine)
 * </script>
 * <p>{status.current.pending} unsaved</p>
 * ```
 */
export function fromStatus<P>(engine: GivenEngine<P>): Current<Status<P>> {
  return followEngine(
    engine,
    ({ status }): Status<P> => status,
    (status) => status,
    Object.is,
  )
}

/**
 * A draft: a text that is still being written. `current` is undefined if there is none.
 * @example
 * ```svelte
 * <script>
 *   const reply = fromDraft(engine.drafts.reply, () => id)
 * </script>
 * <p>{reply.current?.text}</p>
 * ```
 *
 * `drafts` is one of `engine.drafts`, or a function that reads it from state. The id may be a function too. No selector
 * runs when a draft grows.
 */
export function fromDraft<H>(
  drafts: Drafts<H> | (() => Drafts<H>),
  id: string | (() => string),
): Current<DraftText<H> | undefined> {
  let followed: { readonly drafts: Drafts<H>; readonly id: string; readonly get: () => DraftText<H> | undefined }
  return {
    get current() {
      const now = typeof drafts === 'function' ? drafts() : drafts
      const its = typeof id === 'function' ? id() : id
      if (followed?.drafts !== now || followed.id !== its) {
        const source = draftOf(now, its)
        const subscribe = createSubscriber(source.subscribe)
        const get = (): DraftText<H> | undefined => {
          subscribe()
          return source.draft
        }
        followed = { drafts: now, id: its, get }
      }
      return followed.get()
    },
  }
}

function followEngine<P, S extends object, T>(
  given: GivenEngine<P>,
  sourceOf: (engine: AnyEngine<P>) => S,
  fn: (source: S) => T,
  equal: Equal<T>,
): Current<T> {
  const engineOf = typeof given === 'function' ? given : (): AnyEngine<P> => given
  /** Whether `fn` reads state that has changed, so that its result can't be remembered. */
  let isStateful = false
  let kept: { readonly value: T } | undefined
  let engine: AnyEngine<P>
  let current: (() => T) | undefined
  let subscribe: () => void

  const get = (): T => {
    const from = engine
    current ??= createGetter(() => sourceOf(from), fn, equal, kept)
    const value = current()
    kept = { value }
    return value
  }
  const followed = (engine: AnyEngine<P>): (() => void) =>
    createSubscriber((update) => {
      const ends = [
        engine.subscribe(() => {
          const before = kept
          try {
            if (before && Object.is(untrack(get), before.value)) return
          } catch {
            // The reader of `current` gets the error.
          }
          update()
        }),
      ]
      // In a plain module, only a store can tell that state which `fn` reads has changed. The first change is enough.
      let isOn = false
      if (!isStateful)
        ends.push(
          toStore(() => {
            fn(sourceOf(engine))
            if (!isOn || isStateful) return
            isStateful = true
            update()
          }).subscribe(() => {}),
        )
      isOn = true
      return () => {
        for (const end of ends) end()
      }
    })

  return {
    get current() {
      const now = engineOf()
      if (now !== engine) {
        engine = now
        current = undefined
        subscribe = followed(now)
      }
      if (isStateful) current = undefined
      subscribe()
      return get()
    },
  }
}
