/**
 * Reactive controllers that read an engine.
 * @module
 */
import type { ReactiveController, ReactiveControllerHost } from 'lit'
import type { AnyEngine, Equal, Select } from './bindings/options.ts'
import type { Status } from './engine/types.ts'
import { shallowEqual } from './model/isEqual.ts'
import type { ReadModel } from './model/model.ts'
import { createGetter } from './select.ts'

/** The engine, or a function that reads it from a property of the host: another user's engine is then read as soon as it is there. */
type GivenEngine<P> = AnyEngine<P> | (() => AnyEngine<P>)
type MakeGetter<P, T> = (engine: AnyEngine<P>, kept: { readonly value: T } | undefined) => () => T

/** Updates a host when a selection of its engine changed. */
class SelectionController<P, T> implements ReactiveController {
  readonly #host: ReactiveControllerHost
  readonly #engineOf: () => AnyEngine<P> | undefined
  readonly #make: MakeGetter<P, T>
  #get: (() => T) | undefined
  #kept: { readonly value: T } | undefined
  #isConnected = false
  #followed: AnyEngine<P> | undefined
  #end: (() => void) | undefined

  constructor(host: ReactiveControllerHost, engine: GivenEngine<P>, make: MakeGetter<P, T>) {
    this.#host = host
    this.#engineOf = typeof engine === 'function' ? engine : (): AnyEngine<P> => engine
    this.#make = make
    host.addController(this)
  }

  /** The present value: the same object while it is equal. Throws what the function throws. */
  get value(): T {
    this.#get ??= this.#make(this.#engineOf() as AnyEngine<P>, this.#kept)
    const value = this.#get()
    this.#kept = { value }
    return value
  }

  hostConnected(): void {
    this.#isConnected = true
    this.#follow()
    // The log may have changed while the host was not in the page.
    this.#host.requestUpdate()
  }

  hostDisconnected(): void {
    this.#isConnected = false
    this.#follow()
  }

  /** The function may read properties of the host, and these may have changed; so may the engine. */
  hostUpdate(): void {
    this.#get = undefined
    this.#follow()
  }

  #follow(): void {
    const engine = this.#isConnected ? this.#engineOf() : undefined
    if (engine === this.#followed) return
    this.#end?.()
    this.#followed = engine
    this.#end = engine?.subscribe(() => {
      const before = this.#kept
      try {
        if (before && Object.is(this.value, before.value)) return
      } catch {
        // `render` throws it.
      }
      this.#host.requestUpdate()
    })
  }
}

/**
 * A controller that updates its host when the selected value changed.
 * @example
 * ```ts
 * class TodoItem extends LitElement {
 *   declare todoId: string
 *   readonly #todo = new ReadController(this, engine, (read) => read.todos.get(this.todoId))
 *   override render() {
 *     return html`<li>${this.#todo.value?.title}</li>`
 *   }
 * }
 * ```
 *
 * `select` may read properties of the host: it runs once for each change of the rows, and once for each update of the host that reads
 * `value`. Its result is kept while the next one is equal, by default by `shallowEqual`. `engine` may be a function, such as
 * `() => this.engine`: another user's engine is then read with the next update of the host. The engine knows the controller only while the
 * host is in a page.
 */
export class ReadController<P, T> extends SelectionController<P, T> {
  constructor(
    host: ReactiveControllerHost,
    engine: GivenEngine<P>,
    select: Select<P, T>,
    equal: Equal<T> = shallowEqual,
  ) {
    super(host, engine, (engine, kept) => createGetter((): ReadModel<P> => engine.read, select, equal, kept))
  }
}

/**
 * A controller that updates its host with each change of the engine's `status`.
 * @example
 * ```ts
 * class SaveState extends LitElement {
 *   readonly #status = new StatusController(this, engine)
 *   override render() {
 *     return html`${this.#status.value.pending ? 'Saving' : 'Saved'}`
 *   }
 * }
 * ```
 */
export class StatusController<P> extends SelectionController<P, Status<P>> {
  constructor(host: ReactiveControllerHost, engine: GivenEngine<P>) {
    super(host, engine, (engine) => (): Status<P> => engine.status)
  }
}
