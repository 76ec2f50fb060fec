import type { Json } from '../data.ts'
import { CommandRejected, ModelError } from '../errors.ts'
import { randomId } from '../ids.ts'
import { type AnyNew, type Events, type EventTypes, eventTypes, type StoredEvent } from './events.ts'
import { explainCommand, explainDecision } from './explain.ts'
import { createFold, type Fold } from './fold.ts'
import { copyJson, deepFreeze } from './json.ts'
import type { OnDisk, Projection, ProjectionDefinition } from './projection.ts'

// ---- types

/** What `defineModel` takes as `projections`. `engine.read` has them under the same names. */
export type Projections = Record<string, Projection<any>>
/** The type of `engine.read`, from the type of a model's projections. `ReadOf<typeof app>` makes it from the type of the model. */
export type ReadModel<P> = {
  readonly [K in keyof P as P[K] extends Projection<OnDisk<any>> ? never : K]: P[K] extends Projection<infer Read>
    ? Read
    : never
}
/** What `engine.read` is for a model: `ReadOf<typeof app>`. */
export type ReadOf<M> = M extends Model<any, infer P, any> ? ReadModel<P> : never
/** Fixed for one dispatch: deciding again after a lost race gives the same ids and time. */
export interface CommandContext {
  /** Returns a new id: 22 letters and digits, or a few more. In `given`, ids are `id-1`, `id-2`, … */
  id(): string
  /** Milliseconds since 1970: the `at` of the events. */
  readonly now: number
}
/** What a command returns: one event, several, or nothing. To refuse its input, it calls `reject`. */
// biome-ignore lint/suspicious/noConfusingVoidType: a command may end without a return
export type Decision<E extends EventTypes> = AnyNew<E> | readonly AnyNew<E>[] | undefined | void
/** What `defineModel` takes as `commands`: functions of the read model, an input and a context. */
export type Commands<P, E extends EventTypes> = Record<
  string,
  (read: ReadModel<P>, input: any, context: CommandContext) => Decision<E>
>
/** Makes the compiler refuse a command whose input has no type, because such a command would take anything. */
export type Annotated<C> = {
  readonly [K in keyof C]: string extends K
    ? unknown
    : C[K] extends (read: any, input: infer Input, ...rest: any) => any
      ? 0 extends 1 & Input
        ? 'the input of this command has no type: write (read, input: { … }), or (read, _: undefined) for none'
        : unknown
      : unknown
}
/** The arguments of a call of a command: its input, or none. */
export type CommandInput<C, K extends keyof C> = C[K] extends (read: any, input: infer I, ...rest: any) => any
  ? unknown extends I
    ? []
    : undefined extends I
      ? [input?: I]
      : [input: I]
  : never
/** What `defineModel` takes as `drafts`: results of `draft` of `tidemark/drafts`. `engine.drafts` has them under the same names. */
export type DraftDefinitions = Readonly<Record<string, DraftDefinition>>
/** One draft of a model. Only `draft` of `tidemark/drafts` makes one. */
export interface DraftDefinition {
  /** Only the engine calls it. */
  readonly open: (...given: any[]) => unknown
}
/** An app: its events, projections and commands, and its drafts if it has any. */
export interface Model<E extends EventTypes, P, C, D = unknown> {
  readonly name: string
  /** The version of the commands; see `defineModel`. */
  readonly version?: number | undefined
  readonly events: Events<E>
  readonly projections: P
  readonly commands: C
  readonly drafts?: D | undefined
}

// ---- the same without types, for the rest of `src`

export interface AnyModel {
  readonly name: string
  readonly version?: number | undefined
  readonly events: object
  readonly projections: Readonly<Record<string, ProjectionDefinition>>
  readonly commands: Readonly<Record<string, (...given: any[]) => unknown>>
  readonly drafts?: DraftDefinitions | undefined
}

// ---- declaring

/**
 * Puts an app together; tab, worker and tests import the result.
 * @example
 * ```ts
 * export const todoApp = defineModel({
 *   name: 'todos', events, projections: { todos },
 *   commands: {
 *     add: (_, { title }: { title: string }, { id }) => events.todoAdded({ id: id(), title }),
 *     toggle: ({ todos }, { id }: { id: string }) =>
 *       todos.has(id) ? events.todoToggled({ id }) : reject('todo-not-found', { id }),
 *   },
 * })
 * ```
 *
 * `name` is the name of the log, unless `openEngine` gets another one. A command is pure and synchronous, and returns one event, several or
 * none. The compiler refuses a command whose input has no type. `version` (1 by default) is the version of the commands. Raise it when a
 * command decides differently: then an older build never decides again what a newer build has decided. Only a log with a remote needs it.
 * `drafts` are texts that are still being written, declared by `draft()` of `tidemark/drafts`.
 * A projection over other events than `events` throws `ModelError`.
 */
export function defineModel<
  E extends EventTypes,
  P extends Projections,
  C extends Commands<P, E> & Annotated<C>,
  D extends DraftDefinitions = Record<never, never>,
>(model: {
  name: string
  version?: number | undefined
  events: Events<E>
  projections: P
  commands: C & Commands<P, E>
  drafts?: D | undefined
}): Model<E, P, C, D> {
  // The check runs without the model's types.
  if (__DEV__) checkModel(model as Model<any, any, any, any>)
  return model
}

function checkModel({ name, events, projections, commands, drafts = {} }: AnyModel): void {
  const refuse = (what: string): never => {
    throw new ModelError(`defineModel: ${what}`)
  }
  if (typeof name !== 'string' || !name) refuse('`name` must be a string that is not empty')
  if (!eventTypes(events)) refuse('`events` is not what defineEvents returned')
  if (!projections) refuse('`projections` is missing: {} for none')
  if (!commands) refuse('`commands` is missing: {} for none')
  for (const [key, definition] of Object.entries(projections)) {
    if (!definition?.evolve) refuse(`projections.${key} is not what projection() returned`)
    if (definition.events !== events) refuse(`projections.${key} folds other events than the model's`)
  }
  for (const [key, command] of Object.entries(commands)) {
    if (typeof command !== 'function') refuse(`commands.${key} is not a function`)
  }
  for (const [key, draft] of Object.entries(drafts))
    if (typeof draft?.open !== 'function') refuse(`drafts.${key} is not what draft() of tidemark/drafts returned`)
}

/**
 * Refuses a command: the dispatch rejects with `CommandRejected { code, details }`, and nothing is appended.
 * @example
 * ```ts
 * const toggle = ({ todos }: Read, { id }: { id: string }) =>
 *   todos.has(id) ? events.todoToggled({ id }) : reject('todo-not-found', { id })
 * ```
 */
export function reject(code: string, details?: Json): never {
  throw new CommandRejected(code, copyJson(details))
}

// ---- running

/** Empty folds of the resident projections. Projections on disk have no fold in memory. */
export function createFolds(model: AnyModel): Fold[] {
  return foldsOf(model, true)
}

/**
 * Empty folds of the projections on disk. They hold rows only while commits are folded into them: the rows are in
 * databases of their own.
 */
export function onDiskFolds(model: AnyModel): Fold[] {
  return foldsOf(model, false)
}

function foldsOf(model: AnyModel, isResident: boolean): Fold[] {
  const types = eventTypes(model.events)
  return Object.entries(model.projections).flatMap(([name, definition]) =>
    (definition.into.resident !== false) === isResident ? createFold(name, definition, types) : [],
  )
}

/** A new `read` object for apps. Its tables and values always show the present rows. */
export function readOf(folds: readonly Fold[]): Record<string, unknown> {
  return Object.fromEntries(folds.map(({ name, view }) => [name, view]))
}

/** The read model for commands. It throws for a projection that failed, so that nothing is decided on it. */
export function commandReadOf(folds: readonly Fold[]): Record<string, unknown> {
  const read = {}
  for (const fold of folds) {
    Object.defineProperty(read, fold.name, {
      enumerable: true,
      get() {
        if (fold.failed) throw fold.failed
        return fold.view
      },
    })
  }
  return read
}

/** Runs a command. Pure. Throws `CommandRejected`, `InvalidData`, `ModelError` or what the command threw. */
export function decide(
  model: AnyModel,
  name: string,
  read: object,
  input: unknown,
  context: CommandContext,
): StoredEvent[] {
  const { commands } = model
  if (__DEV__) explainCommand(model.name, name, commands)
  if (!Object.hasOwn(commands, name)) throw new ModelError(`unknown command "${name}"`)
  if (__DEV__) deepFreeze(input)
  const decision: unknown = commands[name]!(read, input, context)
  if (__DEV__) explainDecision(name, decision, eventTypes(model.events))
  if (decision == null) return []
  // In production nothing has checked what the command returned.
  if ((decision as { then?: unknown }).then) throw new ModelError(`command "${name}" is asynchronous`)
  const { store } = eventTypes(model.events)
  return Array.isArray(decision) ? Array.from(decision, store) : [store(decision)]
}

/**
 * The context of one dispatch. Before the command is decided again, `restart` makes `id()` begin again with the first of `ids`. When these
 * are used up, `id()` draws further ones and adds them to `ids`.
 */
export interface DispatchContext extends CommandContext {
  readonly ids: readonly string[]
  restart(): void
}

export const createContext = (now: number, random: () => string = randomId, ids: string[] = []): DispatchContext =>
  new Context(now, random, ids)

class Context implements DispatchContext {
  readonly now: number
  readonly ids: string[]
  /** Bound, because commands destructure the context. */
  readonly id: () => string
  #given = 0

  constructor(now: number, random: () => string, ids: string[]) {
    this.now = now
    this.ids = ids
    this.id = () => (ids[this.#given++] ??= random())
  }

  restart(): void {
    this.#given = 0
  }
}
