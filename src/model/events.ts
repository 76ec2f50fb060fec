import type { Json } from '../data.ts'
import { InvalidData, ModelError, OutdatedCodeError } from '../errors.ts'
import { copyJson, deepFreeze, type JsonOf } from './json.ts'

// ---- types

declare const payload: unique symbol
/** The property under which an event type keeps its declaration. */
const declaration: unique symbol = Symbol.for('tidemark.event')

/** The type of an event whose payload is not JSON. */
export interface NotJson {
  readonly error: 'this payload would not survive JSON'
}
/** The constraint on `Data` that makes the compiler name the property that is not JSON. */
type OnlyJson<Data> = [Data] extends [JsonOf<Data>] ? unknown : JsonOf<Data>

/** Any library's schema: https://standardschema.dev */
export interface Schema<Input = unknown, Output = Input> {
  readonly '~standard': { readonly types?: { readonly input: Input; readonly output: Output } | undefined }
}
/** What a schema takes. */
export type SchemaInput<S> = S extends Schema<infer I, any> ? I : never
/** What a schema gives. */
export type SchemaOutput<S> = S extends Schema<any, infer O> ? O : never

/** An event that old logs may hold and that is no longer created: what `.retired()` gives. */
export interface RetiredEvent<Data> {
  readonly [declaration]?: unknown
  /** For the compiler only. */
  readonly [payload]?: (data: Data) => void
  readonly retired: true
}

/** A declared event: what its payload is today and how older payloads become that. */
export interface EventType<Data, Input = Data> {
  readonly [declaration]?: unknown
  readonly [payload]?: Data
  readonly input?: Input
  /**
   * Declares the next version of the payload, and the step that makes it from the version before. The version is the number of steps + 1.
   * A step must take every payload of its version. If it throws, the engine is `'failed'`, with a `ModelError` that names type, version and
   * sequence.
   * @example
   * ```ts
   * const noted = event<{ t: string }>().upcast(({ t }) => ({ title: t }))
   * ```
   */
  upcast<Next>(step: (data: Data) => Next): [Next] extends [JsonOf<Next>] ? EventType<Next> : NotJson
  /** The same, with a Standard Schema for the next version: the step gives its input. */
  upcast<S extends Schema<any, any>>(
    schema: S,
    step: (data: Data) => SchemaInput<S>,
  ): [SchemaOutput<S>] extends [JsonOf<SchemaOutput<S>>] ? EventType<SchemaOutput<S>, SchemaInput<S>> : NotJson
  /** Former names of this event in old logs. */
  was(...names: string[]): EventType<Data, Input>
  /** Still understood in old logs, no longer created. */
  retired(): RetiredEvent<Data>
}

/** What `defineEvents` takes: declared events by their names. */
export type EventTypes = Record<string, EventType<any, any> | RetiredEvent<any>>
/** The payload of a declared event, in today's version: `DataOf<typeof todoAdded>`. */
export type DataOf<E> = E extends RetiredEvent<infer D> ? D : E extends EventType<infer D, any> ? D : never
/** What the creator of a declared event takes: with a schema, the input of the schema. */
export type InputOf<E> = E extends EventType<any, infer I> ? I : never
/** The names of the events that are not retired. */
export type LiveTypes<E> = { [K in keyof E & string]: E[K] extends RetiredEvent<any> ? never : K }[keyof E & string]

/** A new event: a creator made it, and the log does not hold it yet. */
export interface NewEvent<Type extends string, Data> {
  readonly type: Type
  readonly data: Data
}
/** An event as the log keeps it. `at` is milliseconds since 1970, for people only: order is `sequence`. */
export interface Recorded<Type extends string, Data> extends NewEvent<Type, Data> {
  readonly sequence: number
  readonly at: number
  readonly commandId: string
  readonly version?: number
  readonly meta?: Json
  /** Only in `history` of a log with a remote: the remote has not ordered it, so its sequence is provisional. */
  readonly pending?: true
}
/** One creator per event that is not retired. */
export type Events<E extends EventTypes> = {
  readonly [K in LiveTypes<E>]: (
    // biome-ignore lint/suspicious/noConfusingVoidType: an event without data is an EventType<void>
    ...data: [InputOf<E[K]>] extends [void] ? [] : [InputOf<E[K]>]
  ) => NewEvent<K, DataOf<E[K]>>
} & { readonly [payload]?: E }
/** Any recorded event of the given types: a union by `type`. */
export type AnyRecorded<E extends EventTypes> = {
  [K in keyof E & string]: Recorded<K, DataOf<E[K]>>
}[keyof E & string]
/** Any event that a creator of the given types makes: a union by `type`. Retired events are left out. */
export type AnyNew<E extends EventTypes> = { [K in LiveTypes<E>]: NewEvent<K, DataOf<E[K]>> }[LiveTypes<E>]

// ---- the same without types, for the rest of `src`

/** `version` is left out when 1, `data` when the event has none. */
export interface StoredEvent {
  type: string
  version?: number
  data?: Json
}
/** A recorded event of any model, in today's version. */
export interface AnyRecordedEvent {
  sequence: number
  type: string
  version?: number
  data: any
  at: number
  commandId: string
  meta?: Json
}
/** A stored event in today's type and version. */
export type TodaysEvent = Pick<AnyRecordedEvent, 'type' | 'version' | 'data'>
/** The runtime side of a model's events. */
export interface EventTypesAtRuntime {
  /**
   * Turns an event that a command gave into what the log stores. Throws if the event is not declared, is retired, or is not JSON. A schema
   * runs once, in the creator. If no creator made the event (a recorded one, or a copy of one), its payload is already the output of the
   * schema, so it is only copied.
   */
  store(event: unknown): StoredEvent
  /**
   * Converts a stored event to today's type, version and payload. It never changes `stored`. Throws `OutdatedCodeError` if this code does
   * not know the event, and `ModelError` if a step of `upcast` throws; `sequence` is for that message.
   */
  today(stored: StoredEvent, sequence?: number): TodaysEvent
  /** Can this code read such an event? It can read former names and retired events, too. */
  knows(type: string, version: number): boolean
  /** Today's version of a declared type, 0 for a former name or an unknown one. */
  version(type: string): number
}

// ---- declaring

/** Returns the payload to keep, or throws `InvalidData`, whose message begins with `owner`. */
type Validate = (data: unknown, owner: string) => Json | undefined
interface Declaration {
  /** The first one leads from version 1 to version 2, and so on. */
  readonly steps: readonly ((data: any, owner: string) => Json | undefined)[]
  readonly validate: Validate
  readonly names: readonly string[]
  readonly isRetired?: true
}

interface SchemaIssue {
  readonly message: string
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined
}

const validator =
  (schema: any): Validate =>
  (data, owner) => {
    const result = schema['~standard'].validate(data)
    if (result.then)
      throw new InvalidData(`${owner}: asynchronous schemas are refused. Await what it needs before the command`)
    if (!result.issues) return copyJson(result.value, owner)
    // What a Standard Schema gives for what it refuses.
    const issues = Array.from(result.issues as readonly SchemaIssue[], ({ message, path }) => ({
      message,
      // Array.from, because a library's path may be an array of a class of its own.
      path: Array.from(path ?? [], (part) => {
        const key = typeof part === 'object' ? part.key : part
        return typeof key === 'symbol' ? String(key) : key
      }),
    }))
    const messages = issues.map(({ message, path }) =>
      issues[1] && path.length ? `${path.join('.')}: ${message}` : message,
    )
    throw new InvalidData(`${owner}: ${messages.join('; ')}`, issues[0]?.path, result, issues)
  }

/** Returns `any`, because the compiler can't follow how a chain changes its types. `EventType` declares that. */
const eventType = (self: Declaration): any => ({
  [declaration]: self,
  retired: () => eventType({ ...self, isRetired: true }),
  was: (...names: string[]) => eventType({ ...self, names: [...self.names, ...names] }),
  upcast(schema: unknown, step?: (data: any) => unknown) {
    const validate = step ? validator(schema) : copyJson
    // Without a schema, the step is the only argument.
    const next = step ?? (schema as (data: any) => unknown)
    return eventType({ ...self, validate, steps: [...self.steps, (data, owner) => validate(next(data), owner)] })
  },
})

/**
 * Declares an event and its payload, which has to be JSON.
 * @example
 * ```ts
 * const events = defineEvents({
 *   todoAdded: event<{ id: string; title: string }>(),
 *   doneCleared: event(),
 *   renamed: event<{ t: string }>().upcast(({ t }) => ({ title: t })).was('retitled'),
 * })
 * ```
 *
 * With a Standard Schema instead of a type, creators take the schema's input and events keep its output. An issue throws
 * `InvalidData` with its path. An asynchronous schema is refused.
 */
export function event(): EventType<void>
export function event<Data extends OnlyJson<Data>>(): EventType<Data>
export function event<S extends Schema<any, any>>(
  schema: S,
): [SchemaOutput<S>] extends [JsonOf<SchemaOutput<S>>] ? EventType<SchemaOutput<S>, SchemaInput<S>> : NotJson
export function event(schema?: unknown): any {
  return eventType({ steps: [], validate: schema ? validator(schema) : copyJson, names: [] })
}

const runtime: unique symbol = Symbol.for('tidemark.events')

/** The runtime side of what `defineEvents` returned. */
export function eventTypes(events: object): EventTypesAtRuntime {
  // The symbol is not part of the public type.
  return (events as { [runtime]: EventTypesAtRuntime })?.[runtime]
}

/**
 * Returns one creator per event: `events.todoAdded({ id, title })`.
 * @example
 * ```ts
 * const events = defineEvents({ todoAdded: event<{ id: string }>(), cleared: event() })
 * events.todoAdded({ id: 'a' })
 * events.cleared()
 * ```
 *
 * A creator copies and checks its payload (`InvalidData` with the path), and returns a frozen event.
 * A former name that is also another event's name throws `ModelError`.
 */
export function defineEvents<E extends EventTypes>(types: E): Events<E> {
  const known = new Map<string, Declaration & { readonly type: string }>()
  const created = new WeakSet<object>()
  const creators: [PropertyKey, unknown][] = []

  const creator = (type: string, { validate }: Declaration) => {
    const owner = `event "${type}"`
    return (data: unknown) => {
      const event = Object.freeze({ type, data: deepFreeze(validate(data, owner)) })
      created.add(event)
      return event
    }
  }
  for (const [type, declared] of Object.entries<EventTypes[string]>(types)) {
    // Only this file writes the property.
    const self = declared?.[declaration] as Declaration | undefined
    if (!self) throw new ModelError(`event "${type}": expected event()`)
    for (const name of [type, ...self.names]) {
      if (__DEV__ && known.has(name))
        throw new ModelError(`event "${type}": "${name}" is the name of two events. Give each event its own names`)
      known.set(name, { ...self, type })
    }
    if (!self.isRetired) creators.push([type, creator(type, self)])
  }
  const knows = (type: string, version: number) => version > 0 && version <= (known.get(type)?.steps.length ?? -1) + 1
  const asStored = (type: string, version: number, data: Json | undefined): StoredEvent => {
    const stored: StoredEvent = version > 1 ? { type, version } : { type }
    if (data !== undefined) stored.data = data
    return stored
  }

  const self: EventTypesAtRuntime = {
    store(event: any) {
      const type = event?.type
      const version = self.version(type)
      if (!version || known.get(type)!.isRetired) throw new ModelError(`unknown or retired event "${String(type)}"`)
      if (created.has(event)) return asStored(type, version, event.data)
      if ((event.version ?? version) !== version) {
        throw new ModelError(
          `event "${type}" has version ${event.version}; a command gives today's, which is ${version}`,
        )
      }
      return asStored(type, version, deepFreeze(copyJson(event.data, `event "${type}"`)))
    },
    today(stored, sequence) {
      const version = stored.version ?? 1
      if (!knows(stored.type, version)) throw new OutdatedCodeError(stored.type, version)
      const { type, steps } = known.get(stored.type)!
      // Nothing to change: the hot path of every replay. Its type and version are today's now, which is what TodaysEvent says.
      if (version > steps.length && type === stored.type) return stored as TodaysEvent
      // A copy, because a step may change what it gets.
      let data = copyJson(stored.data)
      for (let from = version; from <= steps.length; from++) {
        try {
          data = steps[from - 1]!(data, `the step to version ${from + 1}`)
        } catch (error) {
          const place = sequence === undefined ? '' : ` at sequence ${sequence}`
          throw new ModelError(
            `event "${stored.type}" of version ${version}${place}: its step from version ${from} to ${from + 1} failed: ${error}. ` +
              'The log is unchanged. Correct the step, so that it takes every payload of its version',
            error,
          )
        }
      }
      // Its type and version are today's.
      return asStored(type, steps.length + 1, data) as TodaysEvent
    },
    knows,
    version(type) {
      const found = known.get(type)
      return found && found.type === type ? found.steps.length + 1 : 0
    },
  }
  // The compiler does not know the entries of `fromEntries`.
  return Object.freeze(Object.fromEntries([...creators, [runtime, self]])) as Events<E>
}
