import type { Json } from '../data.ts'
import { InvalidData, ModelError, OutdatedCodeError } from '../errors.ts'
import { copyJson, deepFreeze, type JsonOf } from './json.ts'

// ---- types

export declare const payload: unique symbol

/** What a type that is not JSON turns into. */
export interface NotJson {
  readonly error: 'this payload would not survive JSON'
}
/** What `Data` has to be, so that the compiler names the property that is not JSON. */
type OnlyJson<Data> = [Data] extends [JsonOf<Data>] ? unknown : JsonOf<Data>

/** Any library's schema: https://standardschema.dev */
export interface Schema<Input = unknown, Output = Input> {
  readonly '~standard': { readonly types?: { readonly input: Input; readonly output: Output } | undefined }
}
type In<S> = S extends Schema<infer I, any> ? I : never
type Out<S> = S extends Schema<any, infer O> ? O : never

/** An event that old logs may hold and nobody creates any more. */
export interface RetiredEvent<Data> {
  readonly [payload]?: (data: Data) => void
  readonly retired: true
}

/** A declared event: what its payload is today and how older payloads become that. */
export interface EventType<Data, Input = Data> {
  readonly [payload]?: Data
  readonly input?: Input
  /** Today's version of the payload from the one before; version = number of steps + 1. */
  upcast<Next>(step: (data: Data) => Next): [Next] extends [JsonOf<Next>] ? EventType<Next> : NotJson
  upcast<S extends Schema<any, any>>(
    schema: S,
    step: (data: Data) => In<S>,
  ): [Out<S>] extends [JsonOf<Out<S>>] ? EventType<Out<S>, In<S>> : NotJson
  /** Former names of this event in old logs. */
  was(...names: string[]): EventType<Data, Input>
  /** Still understood in old logs, no longer created. */
  retired(): RetiredEvent<Data>
}

export type EventTypes = Record<string, EventType<any, any> | RetiredEvent<any>>
export type DataOf<E> = E extends RetiredEvent<infer D> ? D : E extends EventType<infer D, any> ? D : never
type InputOf<E> = E extends EventType<any, infer I> ? I : never
type Live<E> = { [K in keyof E & string]: E[K] extends RetiredEvent<any> ? never : K }[keyof E & string]

/** An event that a creator made and no log holds yet. */
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
}
/** One creator per event that is not retired. */
export type Events<E extends EventTypes> = {
  readonly [K in Live<E>]: (...data: [InputOf<E[K]>] extends [void] ? [] : [InputOf<E[K]>]) => NewEvent<K, DataOf<E[K]>>
} & { readonly [payload]?: E }
export type AnyRecorded<E extends EventTypes> = {
  [K in keyof E & string]: Recorded<K, DataOf<E[K]>>
}[keyof E & string]
export type AnyNew<E extends EventTypes> = { [K in Live<E>]: NewEvent<K, DataOf<E[K]>> }[Live<E>]

// ---- what the rooms to the right see

/** `version` is left out when 1, `data` when the event has none. */
export interface StoredEvent {
  type: string
  version?: number
  data?: Json
}
export interface AnyRecordedEvent {
  sequence: number
  type: string
  version?: number
  data: any
  at: number
  commandId: string
  meta?: Json
}
/** What a model knows of its events. */
export interface EventTypesAtRuntime {
  /** A command's event as the log keeps it: declared, not retired, JSON copied, schema run unless a creator already did. */
  store(event: unknown): StoredEvent
  /** Today's type, version and payload. Throws `OutdatedCodeError` for what this code does not know. Never mutates `stored`. */
  today(stored: StoredEvent): { type: string; version?: number; data: unknown }
  /** May this code read such an event? Former names and retired ones included. */
  knows(type: string, version: number): boolean
  /** Today's; 0 for what is no event's name today. */
  version(type: string): number
}

// ---- declaring

type Step = (data: any) => unknown
interface Declared {
  readonly steps: readonly Step[]
  readonly validate: Step
  readonly names: readonly string[]
  readonly isRetired?: true
}

const validator =
  (schema: any): Step =>
  (data) => {
    const result = schema['~standard'].validate(data)
    if (result.then) throw new InvalidData('asynchronous schemas are refused')
    const [issue] = result.issues ?? []
    if (!issue) return copyJson(result.value)
    // Array.from, because a library's path may be an array of a class of its own.
    const path = Array.from(issue.path ?? [], (part: any) => part?.key ?? part)
    throw new InvalidData(issue.message, path)
  }

const eventType = (self: Declared): any => ({
  ...self,
  retired: () => eventType({ ...self, isRetired: true }),
  was: (...names: string[]) => eventType({ ...self, names: [...self.names, ...names] }),
  upcast(schema: unknown, step?: Step) {
    const validate = step ? validator(schema) : copyJson
    const next = step ?? (schema as Step)
    return eventType({ ...self, validate, steps: [...self.steps, (data) => validate(next(data))] })
  },
})

/**
 * Declares an event and its payload, which has to be JSON.
 * @example
 * const events = defineEvents({
 *   todoAdded: event<{ id: string; title: string }>(),
 *   doneCleared: event(),
 *   renamed: event<{ t: string }>().upcast(({ t }) => ({ title: t })).was('retitled'),
 * })
 *
 * A Standard Schema instead of the type makes creators take the schema's input and events keep its output; an issue throws
 * `InvalidData` with its path, an asynchronous schema is refused.
 */
export function event(): EventType<void>
export function event<Data extends OnlyJson<Data>>(): EventType<Data>
export function event<S extends Schema<any, any>>(
  schema: S,
): [Out<S>] extends [JsonOf<Out<S>>] ? EventType<Out<S>, In<S>> : NotJson
export function event(schema?: unknown): any {
  return eventType({ steps: [], validate: schema ? validator(schema) : copyJson, names: [] })
}

const runtime: unique symbol = Symbol.for('tidemark.events')

/** The runtime side of what `defineEvents` returned. */
export function eventTypes(events: object): EventTypesAtRuntime {
  return (events as { [runtime]: EventTypesAtRuntime })?.[runtime]
}

/**
 * Gives one creator per event: `events.todoAdded({ id, title })`.
 * @example
 * const events = defineEvents({ todoAdded: event<{ id: string }>(), cleared: event() })
 * events.todoAdded({ id: 'a' })
 * events.cleared()
 *
 * A creator copies and checks its payload (`InvalidData` with the path); the event it gives is frozen.
 * A former name that is also another event's name throws `ModelError`.
 */
export function defineEvents<E extends EventTypes>(types: E): Events<E> {
  const known = new Map<string, Declared & { readonly type: string }>()
  const created = new WeakSet<object>()
  const creators: [PropertyKey, unknown][] = []

  const create = (type: string, data: unknown) => {
    const event = Object.freeze({ type, data: deepFreeze(known.get(type)!.validate(data)) })
    created.add(event)
    return event
  }
  for (const [type, self] of Object.entries(types as unknown as Record<string, Declared>)) {
    if (__DEV__ && !self?.steps) throw new ModelError(`event "${type}": expected event()`)
    for (const name of [type, ...self.names]) {
      if (__DEV__ && known.has(name)) throw new ModelError(`event "${type}": "${name}" is the name of two events`)
      known.set(name, { ...self, type })
    }
    if (!self.isRetired) creators.push([type, (data: unknown) => create(type, data)])
  }
  const knows = (type: string, version: number) => version > 0 && version <= (known.get(type)?.steps.length ?? -1) + 1
  const asStored = (type: string, version: number, data: any): StoredEvent => ({
    type,
    ...(version > 1 && { version }),
    ...(data !== undefined && { data }),
  })

  const self: EventTypesAtRuntime = {
    store(event: any) {
      const type = event?.type
      const version = self.version(type)
      if (!version || known.get(type)!.isRetired) throw new ModelError(`unknown or retired event "${String(type)}"`)
      return asStored(type, version, (created.has(event) ? event : create(type, event.data)).data)
    },
    today(stored) {
      const version = stored.version ?? 1
      if (!knows(stored.type, version)) throw new OutdatedCodeError(stored.type, version)
      const { type, steps } = known.get(stored.type)!
      // Nothing to change: the hot path of every replay.
      if (version > steps.length && type === stored.type) return stored as any
      // A copy, because a step may change what it gets.
      const data = steps.slice(version - 1).reduce((data, step) => step(data), copyJson(stored.data))
      return asStored(type, steps.length + 1, data) as any
    },
    knows,
    version(type) {
      const found = known.get(type)
      return found && found.type === type ? found.steps.length + 1 : 0
    },
  }
  return Object.freeze(Object.fromEntries([...creators, [runtime, self]])) as any
}
