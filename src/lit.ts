/**
 * Reactive controllers that read an engine.
 * @module
 */
import { type ReactiveController, type ReactiveControllerHost, ReactiveElement } from 'lit'
import { type DraftSource, draftOf } from './bindings/draftOf.ts'
import type { AnyEngine, Equal, GivenEngine, Select } from './bindings/options.ts'
import type { Drafts, DraftText } from './drafts/types.ts'
import type { Status } from './engine/types.ts'
import { shallowEqual } from './model/isEqual.ts'
import type { ReadModel } from './model/model.ts'
import { createGetter } from './select.ts'

export type { AnyEngine, Equal, GivenEngine, Select } from './bindings/options.ts'

/** An engine or a draft. */
type ControllerSource = Pick<AnyEngine, 'subscribe'> & { readonly status?: unknown }
type MakeGetter<E, T> = (engine: E, kept: { readonly value: T } | undefined, onRun: () => void) => () => T

/** The source of the controller that is requesting an update of its host right now. */
let asking: ControllerSource | undefined

/** Updates a host when a selection of its engine changed. */
class SelectionController<E extends ControllerSource, T> implements ReactiveController {
  readonly #host: ReactiveControllerHost
  readonly #engineOf: () => E | undefined
  readonly #make: MakeGetter<E, T>
  /** Whether every update of the host goes through `requestUpdate`, so that this controller sees it. */
  readonly #isAsked: boolean
  #get: (() => T) | undefined
  #kept: { readonly value: T } | undefined
  #isConnected = false
  #followed: E | undefined
  #end: (() => void) | undefined
  /**
   * The update was not requested by a controller, so properties of the host that the function reads may have changed.
   */
  #isStale = true
  /** The status of the engine when the function last ran. */
  #ranAt: unknown

  constructor(host: ReactiveControllerHost, engine: E | (() => E), make: MakeGetter<E, T>) {
    this.#host = host
    this.#engineOf = typeof engine === 'function' ? engine : (): E => engine
    this.#make = make
    host.addController(this)
    this.#isAsked = host instanceof ReactiveElement
    if (!this.#isAsked) return
    const { requestUpdate } = host
    host.requestUpdate = (...given) => {
      this.#onRequest()
      requestUpdate.apply(host, given)
    }
  }

  /** The present value. It is the same object while it is equal. Throws if the function throws. */
  get value(): T {
    const engine = this.#engineOf()
    // E includes undefined if the host may have no engine yet.
    this.#get ??= this.#make(engine as E, this.#kept, () => {
      this.#ranAt = engine?.status
    })
    const value = this.#get()
    this.#kept = { value }
    return value
  }

  hostConnected(): void {
    this.#isConnected = true
    this.#subscribe()
    // The log may have changed while the host was not in the page.
    this.#host.requestUpdate()
  }

  hostDisconnected(): void {
    this.#isConnected = false
    this.#subscribe()
  }

  /** Before each update: properties of the host that the function reads may have changed, and so may the engine. */
  hostUpdate(): void {
    if (this.#isStale) this.#get = undefined
    this.#isStale = !this.#isAsked
    this.#subscribe()
  }

  /**
   * The function may also read the value of another controller. If both follow the same engine, each runs once after a
   * change, in any order. If the other one follows a draft or another engine, its status differs, and this function
   * runs again.
   */
  #onRequest(): void {
    if (!asking) this.#isStale = true
    if (asking?.status !== this.#ranAt) this.#get = undefined
  }

  #subscribe(): void {
    const engine = this.#isConnected ? this.#engineOf() : undefined
    if (engine === this.#followed) return
    this.#get = undefined
    this.#end?.()
    this.#followed = engine
    this.#end = engine?.subscribe(() => {
      const before = this.#kept
      try {
        if (before && Object.is(this.value, before.value)) return
      } catch {
        // The next `render` throws the same error.
      }
      asking = engine
      try {
        this.#host.requestUpdate()
      } finally {
        asking = undefined
      }
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
 * `select` may read properties of the host. It runs once for each change of the engine, and the update that follows
 * shows the result. It runs again in updates that have another cause: a property that changed, `requestUpdate()`, a
 * draft, another engine. If it reads anything but reactive properties, call `requestUpdate()` when that changes.
 * Signals and observables are followed only if `render` itself reads them. The result is kept while the next one is
 * equal, by default by `shallowEqual`. `engine` may be a function, such as `() => this.engine`: when it returns another
 * engine, for another user, that one is read with the next update. The controller subscribes only while the host is in
 * a page.
 */
export class ReadController<P, T> extends SelectionController<AnyEngine<P>, T> {
  constructor(
    host: ReactiveControllerHost,
    engine: GivenEngine<P>,
    select: Select<P, T>,
    equal: Equal<T> = shallowEqual,
  ) {
    super(host, engine, (engine, kept, onRun) => {
      const run: Select<P, T> = (read) => {
        onRun()
        return select(read)
      }
      return createGetter((): ReadModel<P> => engine.read, run, equal, kept)
    })
  }
}

/**
 * A controller that updates its host after each change of the engine's `status`.
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
export class StatusController<P> extends SelectionController<AnyEngine<P>, Status<P>> {
  constructor(host: ReactiveControllerHost, engine: GivenEngine<P>) {
    super(host, engine, (engine) => (): Status<P> => engine.status)
  }
}

/**
 * A controller that updates its host as a draft grows. Its value is undefined if there is none.
 * @example
 * ```ts
 * class Reply extends LitElement {
 *   declare replyId: string
 *   readonly #reply = new DraftController(this, engine.drafts.reply, () => this.replyId)
 *   override render() {
 *     return html`<p>${this.#reply.value?.text}</p>`
 *   }
 * }
 * ```
 *
 * `drafts` is one of `engine.drafts`, or a function that reads it from a property of the host. The id may be a function
 * too. When the draft grows, the host updates, and each `ReadController` of the same host selects again.
 */
export class DraftController<H> extends SelectionController<DraftSource<H>, DraftText<H> | undefined> {
  constructor(host: ReactiveControllerHost, drafts: Drafts<H> | (() => Drafts<H>), id: string | (() => string)) {
    let last: { readonly drafts: Drafts<H>; readonly id: string; readonly source: DraftSource<H> } | undefined
    const sourceOf = (): DraftSource<H> => {
      const now = typeof drafts === 'function' ? drafts() : drafts
      const its = typeof id === 'function' ? id() : id
      if (last?.drafts !== now || last.id !== its) last = { drafts: now, id: its, source: draftOf(now, its) }
      return last.source
    }
    super(host, sourceOf, (source) => (): DraftText<H> | undefined => source.draft)
  }
}
