import type { Key } from '../data.ts'
import { ModelError } from '../errors.ts'
import { checkRow } from './checkRow.ts'
import {
  type DataOf,
  type Events,
  type EventTypes,
  type EventTypesAtRuntime,
  eventTypes,
  type Recorded,
} from './events.ts'
import { hash, stringify } from './json.ts'

// ---- types

/** The names of the properties whose type is `Value`. With `keyof`, the compiler's messages list the names and not this type. */
export type NameOf<Row, Value> = keyof { [K in keyof Row & string as Row[K] extends Value ? K : never]: K }
/** The properties of a row that may be its key. */
export type KeyProperty<Row> = NameOf<Row, Key>
/** The properties of a row by which `by` finds it. */
export type Lookup<Row> = NameOf<Row, string | number | boolean | null | undefined>

/** Rows in memory. */
export interface Resident<Row> {
  readonly resident: true
  readonly row?: Row
}
/** Rows on disk only. */
export interface OnDisk<Row> {
  readonly resident: false
  readonly row?: Row
}
/** One value instead of rows. */
export interface Value<State> {
  readonly initial: State
}

/** A table as commands and pages read it. What it returns is frozen and stays the same object while it does not change. */
export interface ReadTable<Row> {
  /** The row of this key, or undefined. */
  get(key: Key): Readonly<Row> | undefined
  /** Is there a row of this key? */
  has(key: Key): boolean
  /** Every row, in order of insertion. The same list while no row changed. */
  all(): readonly Readonly<Row>[]
  /** The rows whose `property` is `value`, in order of insertion, through an index built on first use. */
  by<K extends Lookup<Row>>(property: K, value: Row[K]): readonly Readonly<Row>[]
  /** How many rows there are. */
  readonly size: number
}
/** A value as commands and pages read it. It is frozen. */
export interface ReadValue<State> {
  readonly value: State
}

/** Which rows an event touches: one key, several, or every row whose properties equal these (`{}`: all). */
export type Touched<Row> = Key | readonly Key[] | { readonly [K in Lookup<Row>]?: Row[K] }
/** The same for a table on disk: it finds rows by one indexed string or number. */
export type TouchedOnDisk<Row> = Key | readonly Key[] | { readonly [K in KeyProperty<Row>]?: Row[K] }
/** For each event that has no key in its payload: which rows it touches. */
export type By<E extends EventTypes, Row> = {
  readonly [K in keyof E & string]?: (event: Recorded<K, DataOf<E[K]>>, rows: ReadTable<Row>) => Touched<Row>
}
/** The same for a table on disk. */
export type ByOnDisk<E extends EventTypes, Row> = {
  readonly [K in keyof E & string]?: (event: Recorded<K, DataOf<E[K]>>) => TouchedOnDisk<Row>
}
/** For each event, the function that folds it into a row. It returns the new row, null to delete the row, or undefined to leave it. */
export type EvolveRows<E extends EventTypes, Row> = {
  readonly [K in keyof E & string]?: (
    row: Readonly<Row> | undefined,
    event: Recorded<K, DataOf<E[K]>>,
    key: Key,
  ) => Row | null | undefined
}
/** For each event, the function that folds it into the value. */
export type EvolveValue<E extends EventTypes, State> = {
  readonly [K in keyof E & string]?: (state: State, event: Recorded<K, DataOf<E[K]>>) => State
}

/**
 * The type of `into` until the compiler has inferred it. The compiler types handlers without parameters earlier,
 * against `Literals`. Without that, `() => ({ state: 'done' })` would return a `string` for good, and not the literal
 * `'done'`.
 */
export interface Unseen {
  readonly [unseen]: true
}
declare const unseen: unique symbol
/** A type that makes the compiler keep literals: `'done'` stays `'done'` and does not become `string`. */
export type Literals =
  | `${any}`
  | 0
  | true
  | null
  | undefined
  | readonly []
  | readonly [Literals, ...Literals[]]
  | { readonly [key: string]: Literals }

/** What a projection folds into: `table(…)` or `value(…)`. */
export type Into = Resident<any> | OnDisk<any> | Value<any> | Unseen
/** The `by` and `evolve` of a projection, by what it folds into. */
export type Handlers<E extends EventTypes, I> = I extends Unseen
  ? {
      /** Which rows an event touches. By default, the row whose key is in its payload. */
      by?: Record<string, () => Literals> | undefined
      /** For each event, the function that folds it into a row or into the value. */
      evolve: Record<string, () => Literals>
    }
  : I extends Resident<infer Row>
    ? { by?: By<E, Row> | undefined; evolve: EvolveRows<E, Row> }
    : I extends OnDisk<infer Row>
      ? { by?: ByOnDisk<E, Row> | undefined; evolve: EvolveRows<E, Row> }
      : I extends Value<infer State>
        ? { evolve: EvolveValue<E, State> }
        : never
/** How commands and pages read what a projection folds into. */
export type ReadInto<I> =
  I extends Resident<infer Row>
    ? ReadTable<Row>
    : I extends OnDisk<any>
      ? I
      : I extends Value<infer State>
        ? ReadValue<State>
        : never
/** What `projection` gives to `defineModel`. */
export interface Projection<Read> {
  readonly read?: Read
}

// ---- the same without types, for the rest of `src`

export interface IntoTable {
  readonly kind: 'table'
  readonly key: string
  readonly resident: boolean
  readonly history: boolean
  readonly indexes: readonly string[]
  readonly initial?: never
}
export interface IntoValue {
  readonly kind: 'value'
  readonly initial: unknown
  readonly resident?: true
  readonly key?: never
  readonly history?: never
  readonly indexes?: never
}
export interface ProjectionDefinition {
  readonly events: object
  readonly into: IntoTable | IntoValue
  readonly version: number
  /** By event type. Without a prototype, like `evolve`. */
  readonly by: Record<string, ((...given: any[]) => unknown) | undefined>
  readonly evolve: Record<string, ((...given: any[]) => any) | undefined>
}

const PAGE_FORMAT = 1

/** A name that IndexedDB takes as a key path of one step, and in which Dexie sees no syntax of its own. */
const PLAIN_NAME = /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u

/** The identity of persisted rows. Another identity means other pages, so two deploys never mix two folds. */
export function identity(name: string, definition: ProjectionDefinition, types: EventTypesAtRuntime): string {
  const { into, version, evolve } = definition
  const handled = Object.keys(evolve)
    .sort()
    .map((type) => [type, types.version(type)])
  return `${name}@${version}.${PAGE_FORMAT}:${hash(stringify([{ ...into, initial: 0 }, handled]))}`
}

// ---- declaring

/** The options of a table in memory. */
export interface ResidentOptions {
  readonly resident?: true | undefined
  readonly history?: boolean | undefined
}
/** The options of a table on disk. */
export interface OnDiskOptions<Row> {
  readonly resident: false
  readonly indexes?: readonly (keyof Row & string)[] | undefined
  readonly history?: boolean | undefined
}

/**
 * Rows keyed by one of their own properties.
 * @example
 * ```ts
 * interface Todo { id: string; title: string }
 * const rows = table<Todo>('id')
 * const archive = table<Todo>('id', { resident: false, indexes: ['title'] })
 * ```
 *
 * A row is what structured clone takes, without functions and class instances. `history` keeps an index for
 * `engine.history({ table, key })`. With `resident: false` rows live on disk only, are queried with Dexie and never loaded at boot;
 * `indexes` are names of properties. If a key or an index is not a plain name, it throws `ModelError`.
 *
 * In a generic factory, `table<T>('id')` takes a `T extends { id: string }`, and `table<T, 'slug'>('slug')` any other name.
 */
// For generic factories: the compiler can't list the properties of a type parameter, but knows what its constraint says.
export function table<Row extends { readonly [P in Name]: Key }, Name extends string = 'id'>(
  key: Name,
  options?: ResidentOptions,
): Resident<Row>
export function table<Row extends { readonly [P in Name]: Key }, Name extends string = 'id'>(
  key: Name,
  options: OnDiskOptions<Row>,
): OnDisk<Row>
// Last, because the compiler's message is about the last overload.
export function table<Row>(key: KeyProperty<Row>, options?: ResidentOptions): Resident<Row>
export function table<Row>(key: KeyProperty<Row>, options: OnDiskOptions<Row>): OnDisk<Row>
export function table(
  key: any,
  {
    resident = true,
    history = false,
    indexes = [],
  }: { [K in 'resident' | 'history' | 'indexes']?: IntoTable[K] | undefined } = {},
): any {
  for (const name of [key, ...indexes]) {
    if (typeof name === 'string' && PLAIN_NAME.test(name)) continue
    throw new ModelError(
      `table(): ${typeof name === 'string' ? JSON.stringify(name) : String(name)} is no plain name of a property. ` +
        'A key and an index are one property each, without paths, lists or prefixes of Dexie: copy a nested value into a property of the row',
    )
  }
  return { kind: 'table', key, resident, history, indexes } satisfies IntoTable
}

/**
 * One value, kept in memory. Each log begins with a copy of `initial`.
 * @example
 * ```ts
 * const count = projection(events, { into: value(0), evolve: { todoAdded: (n) => n + 1 } })
 * ```
 */
export function value<State>(initial: State): Value<State> {
  // The public type shows `initial` only.
  return { kind: 'value', initial } as Value<State>
}

/**
 * A fold of the events into rows or a value. `evolve` is pure and synchronous; memory, disk and rebuilds run the same one.
 * @example
 * ```ts
 * const todos = projection(events, {
 *   into: table<Todo>('id'),
 *   by: { doneCleared: () => ({ done: true }) },
 *   evolve: {
 *     todoAdded: (_, { data }) => ({ ...data, done: false }),
 *     todoToggled: (todo) => todo && { ...todo, done: !todo.done },
 *     doneCleared: () => null,
 *   },
 * })
 * ```
 *
 * `by` says which rows an event touches; without it, `event.data[key]` does. `evolve` returns the new row, null to delete it, or undefined
 * to leave it.
 * Change `version` (a positive integer) when the meaning of `evolve` changes, and rows are built again. An event that is not declared
 * throws `ModelError`.
 */
export function projection<E extends EventTypes, I extends Into = Unseen>(
  events: Events<E>,
  definition: { into: I; version?: number | undefined } & NoInfer<Handlers<E, I>>,
): Projection<ReadInto<I>> {
  // The rest of `src` reads a `ProjectionDefinition`, which apps never see. The return below casts back.
  const { into, version = 1, by, evolve } = definition as unknown as ProjectionDefinition
  if (__DEV__) checkProjection(eventTypes(events), { events, into, version, by, evolve })
  return {
    events,
    into,
    version,
    // Without a prototype, so that an event may have any name.
    by: Object.assign(Object.create(null), by),
    evolve: Object.assign(Object.create(null), evolve),
  } satisfies ProjectionDefinition as Projection<any>
}

function checkProjection(types: EventTypesAtRuntime | undefined, { into, version, ...handlers }: ProjectionDefinition) {
  const refuse = (what: string): never => {
    throw new ModelError(`projection: ${what}`)
  }
  if (!types) return refuse('the first argument is not what defineEvents returned. Pass the events of the model')
  if (!into?.kind) refuse('`into` must be table(key) or value(initial)')
  if (into.kind === 'value') checkRow('projection: what value() begins with', into.initial, into)
  if (!handlers.evolve) refuse('`evolve` is missing: {} for none')
  if (!(Number.isInteger(version) && version > 0)) refuse('`version` must be a positive integer')
  for (const part of ['by', 'evolve'] as const) {
    for (const [type, handler] of Object.entries(handlers[part] ?? {})) {
      if (!types.version(type)) refuse(`${part}.${type} is not a declared event`)
      if (handler && typeof handler !== 'function') refuse(`${part}.${type} is not a function`)
    }
  }
}
