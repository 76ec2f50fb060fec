import { InvalidData, type Json, type Key, ModelError, OutdatedCodeError } from '../errors.ts'
import { copyJson, deepFreeze, type JsonOf } from './json.ts'

// ---- types

export declare const payload: unique symbol

/** What a type that is not JSON turns into. */
export interface NotJson {
  readonly error: 'this payload would not survive JSON'
}
type OnlyJson<Data> = [Data] extends [JsonOf<Data>] ? [] : [never]

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
type Validate = (data: unknown) => unknown
interface Declared {
  readonly steps: readonly Step[]
  readonly validate: Validate
  readonly names: readonly string[]
  readonly retired?: true
}
const declared: unique symbol = Symbol()

function validator(schema: any): Validate {
  return (data) => {
    const result = schema['~standard'].validate(data)
    if (typeof result.then === 'function')
      throw new InvalidData('asynchronous schemas are refused: payloads are checked at once')
    const issue = result.issues?.[0]
    if (issue) {
      // Array.from, because a library's path may be an array of a class of its own.
      const path = Array.from(issue.path ?? [], (part: any): Key => {
        const key = part?.key ?? part
        return typeof key === 'symbol' ? String(key) : key
      })
      throw new InvalidData(issue.message, path)
    }
    return copyJson(result.value)
  }
}

function eventType(self: Declared): any {
  return Object.freeze({
    [declared]: self,
    retired: self.retired ?? (() => eventType({ ...self, retired: true })),
    was: (...names: string[]) => eventType({ ...self, names: [...self.names, ...names] }),
    upcast: (...args: [step: Step] | [schema: unknown, step: Step]) => {
      const step = args.pop() as Step
      const validate = args.length ? validator(args[0]) : copyJson
      return eventType({ ...self, validate, steps: [...self.steps, (data) => validate(step(data))] })
    },
  })
}

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
export function event<Data>(...notJson: OnlyJson<Data>): EventType<Data>
export function event<S extends Schema<any, any>>(
  schema: S,
): [Out<S>] extends [JsonOf<Out<S>>] ? EventType<Out<S>, In<S>> : NotJson
export function event(schema?: unknown): any {
  return eventType({ steps: [], validate: schema ? validator(schema) : copyJson, names: [] })
}

const runtime: unique symbol = Symbol.for('tidemark.events')

/** The runtime side of what `defineEvents` returned. */
export function eventTypes(events: object): EventTypesAtRuntime {
  const types = (events as { [runtime]?: EventTypesAtRuntime })?.[runtime]
  if (!types) throw new ModelError('events: expected what defineEvents returned')
  return types
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

  for (const [type, value] of Object.entries(types)) {
    const self = (value as { [declared]?: Declared })?.[declared]
    if (!self) throw new ModelError(`event "${type}": expected event(), perhaps with .upcast(), .was() or .retired()`)
    for (const name of [type, ...self.names]) {
      if (known.has(name)) throw new ModelError(`event "${type}": "${name}" is the name of two events`)
      known.set(name, { ...self, type })
    }
    if (!self.retired) creators.push([type, (data: unknown) => create(type, data)])
  }

  const find = (type: string, version: number) => {
    const found = known.get(type)
    return found && version > 0 && version <= found.steps.length + 1 ? found : undefined
  }
  const create = (type: string, data: unknown) => {
    const event = Object.freeze({ type, data: deepFreeze(within(type, () => known.get(type)!.validate(data))) })
    created.add(event)
    return event
  }
  const within = <T>(type: string, check: () => T): T => {
    try {
      return check()
    } catch (error) {
      if (error instanceof InvalidData) error.message = `event "${type}": ${error.message}`
      throw error
    }
  }

  const self: EventTypesAtRuntime = {
    store(event: any) {
      const type = event?.type
      const found = known.get(type)
      if (!found || found.type !== type)
        throw new ModelError(`unknown event "${String(type)}": declare it with defineEvents`)
      if (found.retired) throw new ModelError(`event "${type}" is retired`)
      const { data } = created.has(event) ? event : create(type, event.data)
      const version = found.steps.length + 1
      return { type, ...(version > 1 && { version }), ...(data !== undefined && { data }) }
    },
    today(stored) {
      const version = stored.version ?? 1
      const found = find(stored.type, version)
      if (!found) throw new OutdatedCodeError(stored.type, version)
      const { type, steps } = found
      // Nothing to change: the hot path of every replay.
      if (version > steps.length && type === stored.type) return stored as { type: string; data: unknown }
      let data: unknown = stored.data
      // The first copy because a step may change what it gets.
      if (version <= steps.length) data = copyJson(data)
      for (const step of steps.slice(version - 1)) data = step(data)
      return { type, ...(steps.length && { version: steps.length + 1 }), data }
    },
    knows: (type, version) => !!find(type, version),
    version(type) {
      const found = known.get(type)
      return found?.type === type ? found.steps.length + 1 : 0
    },
  }
  return Object.freeze(Object.fromEntries([...creators, [runtime, self]])) as any
}
