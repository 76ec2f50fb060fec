import { type } from 'arktype'
import * as valibot from 'valibot'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { InvalidData, ModelError, OutdatedCodeError } from '../../src/errors.ts'
import { defineEvents, event, eventTypes } from '../../src/model/events.ts'
import { deepFreeze } from '../../src/model/json.ts'

interface V1 {
  id: string
  t: string
}
interface V2 {
  id: string
  title: string
}
interface V3 extends V2 {
  at: number
}
const events = defineEvents({
  noted: event<V1>()
    .upcast((v): V2 => ({ id: v.id, title: v.t }))
    .upcast((v): V3 => ({ ...v, at: 0 }))
    .was('noteAdded', 'note'),
  removed: event<{ id: string }>(),
  cleared: event(),
  old: event<{ x: number }>().retired(),
})
const types = eventTypes(events)
const caught = (run: () => unknown): any => {
  try {
    run()
  } catch (error) {
    return error
  }
  throw new Error('nothing was thrown')
}

describe('creators', () => {
  test('create an event of their type', () => {
    expect(events.removed({ id: 'a' })).toEqual({ type: 'removed', data: { id: 'a' } })
    expect(events.cleared()).toEqual({ type: 'cleared' })
  })

  test('copy and check their payload, and an error names the path', () => {
    const error = caught(() => events.removed({ id: Number.NaN as never }))
    expect(error).toBeInstanceOf(InvalidData)
    expect(error.path).toEqual(['id'])
  })

  test('create frozen events, which do not follow changes of the payload that was passed in', () => {
    const payload = { id: 'a', title: 'x', at: 1 }
    const noted = events.noted(payload)
    payload.id = 'b'
    expect(noted.data.id).toBe('a')
    expect(() => Object.assign(noted, { type: 'removed' })).toThrow(TypeError)
    expect(() => Object.assign(noted.data, { id: 'c' })).toThrow(TypeError)
    expect(types.store(noted)).toEqual({ type: 'noted', version: 3, data: { id: 'a', title: 'x', at: 1 } })
  })

  test('can be passed to map: only the first argument counts', () => {
    expect([{ id: 'a' }].map(events.removed)).toEqual([{ type: 'removed', data: { id: 'a' } }])
  })

  test('do not exist for retired events', () => {
    expect('old' in events).toBe(false)
  })
})

describe('a stored event', () => {
  test('has no version field at version 1, and no payload field without a payload', () => {
    expect(types.store(events.removed({ id: 'a' }))).toStrictEqual({ type: 'removed', data: { id: 'a' } })
    expect(types.store(events.cleared())).toStrictEqual({ type: 'cleared' })
    expect(types.store(events.noted({ id: 'a', title: 'b', at: 1 }))).toStrictEqual({
      type: 'noted',
      version: 3,
      data: { id: 'a', title: 'b', at: 1 },
    })
  })

  test('an event that no creator made is copied and checked', () => {
    const data = { id: 'a', extra: undefined }
    const stored = types.store({ type: 'removed', data })
    expect(stored).toStrictEqual({ type: 'removed', data: { id: 'a' } })
    data.id = 'b'
    expect(stored.data).toEqual({ id: 'a' })
    expect(caught(() => types.store({ type: 'removed', data: { id: new Date() } })).path).toEqual(['id'])
  })

  test.each([
    ['an event of a former version', { type: 'noted', version: 2, data: {} }, 'has version 2; a command gives today'],
    ['an unknown type', { type: 'nope', data: {} }, 'nope'],
    ['a former name', { type: 'note', data: {} }, 'note'],
    ['a retired event', { type: 'old', data: { x: 1 } }, 'retired'],
    ['a type that is a method of every object', { type: 'toString' }, 'toString'],
    ['a string', 'removed', 'unknown'],
    ['a number', 1, 'unknown'],
    ['null', null, 'unknown'],
    ['a creator that was not called', events.removed, 'unknown'],
  ])('%s throws ModelError', (_, event, message) => {
    const error = caught(() => types.store(event))
    expect(error).toBeInstanceOf(ModelError)
    expect(error.message).toMatch(message)
  })

  test('hazard 16: events may have any name', () => {
    const odd = defineEvents({ ['__proto__']: event<{ a: number }>(), constructor: event(), '': event() })
    const create = Object.getOwnPropertyDescriptor(odd, '__proto__')!.value
    expect(eventTypes(odd).store(create({ a: 1 }))).toEqual({ type: '__proto__', data: { a: 1 } })
    expect(eventTypes(odd).store(odd.constructor()).type).toBe('constructor')
    expect(eventTypes(odd).knows('toString', 1)).toBe(false)
  })
})

describe('upcasting a stored event', () => {
  test('takes a former version through the remaining steps', () => {
    const today = { type: 'noted', version: 3, data: { id: 'a', title: 'x', at: 0 } }
    expect(types.today({ type: 'noted', data: { id: 'a', t: 'x' } })).toEqual(today)
    expect(types.today({ type: 'noted', version: 2, data: { id: 'a', title: 'x' } })).toEqual(today)
    expect(types.today({ type: 'noted', version: 3, data: { id: 'a', title: 'x', at: 5 } })).toEqual({
      ...today,
      data: { id: 'a', title: 'x', at: 5 },
    })
  })

  test('reads a former name, in every version', () => {
    expect(types.today({ type: 'noteAdded', data: { id: 'a', t: 'x' } })).toEqual({
      type: 'noted',
      version: 3,
      data: { id: 'a', title: 'x', at: 0 },
    })
    expect(types.today({ type: 'note', version: 3, data: { id: 'a', title: 'x', at: 5 } }).type).toBe('noted')
  })

  test('reads a retired event', () => {
    expect(types.today({ type: 'old', data: { x: 1 } })).toEqual({ type: 'old', data: { x: 1 } })
  })

  test('a step that changes its argument changes neither the stored event nor the result', () => {
    const mutating = eventTypes(
      defineEvents({
        a: event<{ n: number; list: number[] }>().upcast((v) => {
          v.n += 1
          v.list.push(v.n)
          return v
        }),
      }),
    )
    const stored = deepFreeze({ type: 'a', data: { n: 1, list: [0] } })
    for (let i = 0; i < 2; i++) {
      expect(mutating.today(stored)).toEqual({ type: 'a', version: 2, data: { n: 2, list: [0, 2] } })
    }
  })

  test('refuses a step whose result is not JSON', () => {
    const steps = eventTypes(
      defineEvents({ a: event<{ n?: number }>().upcast((v) => ({ n: v.n, m: undefined as undefined | number })) }),
    )
    expect(steps.today({ type: 'a', data: { n: 1 } }).data).toStrictEqual({ n: 1 })
  })

  test('a step that throws is a ModelError with type, version, sequence and cause', () => {
    const events = defineEvents({
      noted: event<{ n: number }>()
        .upcast((v) => v)
        .upcast((v) => ({ text: (v as never as { text: string }).text.trim() })),
      slow: event<{ n: number }>().upcast((async (v: unknown) => v) as never as (v: { n: number }) => { n: number }),
    })
    const error = caught(() => eventTypes(events).today({ type: 'noted', data: { n: 1 } }, 12))
    expect(error).toBeInstanceOf(ModelError)
    expect(error.message).toMatch(
      /event "noted" of version 1 at sequence 12: its step from version 2 to 3 failed: TypeError/,
    )
    expect(error.cause).toBeInstanceOf(TypeError)
    const slow = caught(() => eventTypes(events).today({ type: 'slow', data: { n: 1 } }))
    expect(slow).toBeInstanceOf(ModelError)
    expect(slow.message).toMatch('an instance of Promise')
  })

  test('guarantee 10: an unknown type or a newer version is never guessed at', () => {
    for (const stored of [
      { type: 'nope', data: 1 },
      { type: 'removed', version: 2, data: { id: 'a' } },
      { type: 'noted', version: 4 },
      { type: 'noted', version: 0 },
      { type: 'note', version: 4 },
    ]) {
      const error = caught(() => types.today(stored))
      expect(error).toBeInstanceOf(OutdatedCodeError)
      expect(error).toMatchObject({ type: stored.type, version: stored.version ?? 1 })
      expect(types.knows(stored.type, stored.version ?? 1)).toBe(false)
    }
  })

  test('knows current, former and retired names', () => {
    const known: [string, number][] = [
      ['noted', 1],
      ['noted', 3],
      ['note', 2],
      ['noteAdded', 1],
      ['old', 1],
      ['cleared', 1],
    ]
    expect(known.every(([type, version]) => types.knows(type, version))).toBe(true)
  })

  test('a version is the number of steps plus one; a former name has none', () => {
    expect(['noted', 'removed', 'old', 'note', 'nope'].map(types.version)).toEqual([3, 1, 1, 0, 0])
  })
})

describe('schemas', () => {
  const libraries = {
    zod: z.object({ title: z.string().trim().min(1), tags: z.array(z.string()).default([]) }),
    valibot: valibot.object({
      title: valibot.pipe(valibot.string(), valibot.trim(), valibot.minLength(1)),
      tags: valibot.optional(valibot.array(valibot.string()), []),
    }),
    arktype: type({ title: type('string.trim').to('string > 0'), tags: type('string[]').default(() => []) }),
  }
  describe.each(Object.entries(libraries))('of %s', (_, schema) => {
    const events = defineEvents({ added: event(schema as (typeof libraries)['zod']) })
    const types = eventTypes(events)

    test('creators take the input, events keep the output', () => {
      const added = events.added({ title: ' Milk ' })
      expect(added).toEqual({ type: 'added', data: { title: 'Milk', tags: [] } })
      expect(types.store(added)).toStrictEqual({ type: 'added', data: { title: 'Milk', tags: [] } })
    })

    test('an issue of a schema is InvalidData with the path of the issue', () => {
      const error = caught(() => events.added({ title: 'x', tags: ['a', 1 as never] }))
      expect(error).toBeInstanceOf(InvalidData)
      expect(error.path).toEqual(['tags', 1])
      expect(caught(() => events.added({ title: '  ' })).path).toEqual(['title'])
    })

    test('each bad field of a form has its path and message; the cause is the answer of the schema', () => {
      const error = caught(() => events.added({ title: 1 as never, tags: ['a', 2 as never] }))
      expect(error.issues.map(({ path }: InvalidData) => path)).toEqual([['title'], ['tags', 1]])
      expect(error.issues.every(({ message }: InvalidData) => message.length > 5)).toBe(true)
      expect(error.path).toEqual(['title'])
      expect(error.message).toMatch(/^event "added": title: .+; tags\.1: /)
      expect(error.cause.issues.length).toBe(2)
    })

    test('an event that no creator made skips the schema: its payload is already an output of it', () => {
      expect(types.store({ type: 'added', data: { title: ' x ', tags: [] } }).data).toEqual({ title: ' x ', tags: [] })
      expect(() => types.store({ type: 'added', data: { title: new Date() } })).toThrow(InvalidData)
    })
  })

  test.each([
    ['a transform', z.object({ cents: z.number().transform((euro) => euro * 100) }), { cents: 3 }, { cents: 300 }],
    [
      'a Date that becomes a string',
      z.object({ at: z.date().transform((at) => at.toISOString()) }),
      { at: new Date(0) },
      { at: '1970-01-01T00:00:00.000Z' },
    ],
  ])('%s: a recorded event, or a copy of one, is not transformed again', (_, schema, input, output) => {
    const events = defineEvents({ paid: event(schema as never as z.ZodObject<{ cents: z.ZodNumber }>) })
    const types = eventTypes(events)
    const paid = events.paid(input as never)
    const recorded = { ...types.today(types.store(paid)), sequence: 1, at: 0, commandId: 'c' }
    for (const again of [paid, { ...paid }, recorded, { ...recorded }, structuredClone(recorded)]) {
      expect(types.store(again)).toStrictEqual({ type: 'paid', data: output })
    }
  })

  test('the schema of a created event runs once', () => {
    let runs = 0
    const counted = z.string().transform((text) => `${text}${++runs}`)
    const events = defineEvents({ added: event(counted) })
    expect(eventTypes(events).store(events.added('x')).data).toBe('x1')
    expect(runs).toBe(1)
  })

  test('refuses asynchronous schemas', () => {
    const events = defineEvents({ added: event(z.string().refine(async () => true)) })
    const error = caught(() => events.added('x'))
    expect(error).toBeInstanceOf(InvalidData)
    expect(error.message).toMatch('asynchronous')
  })

  test('refuses an output that is not JSON, with its path', () => {
    const dated = z.object({ at: z.string().transform((text) => new Date(text)) })
    const events = defineEvents({ added: event(dated as never as z.ZodObject<{ at: z.ZodString }>) })
    expect(caught(() => events.added({ at: '2020-01-01' })).path).toEqual(['at'])
  })

  test('a step may have a schema: old payloads go through it, and creators use it', () => {
    const events = defineEvents({
      added: event<{ t: string }>()
        .upcast(z.object({ title: z.string(), tags: z.array(z.string()).default([]) }), ({ t }) => ({ title: t }))
        .upcast(z.object({ title: z.string().toUpperCase() }), ({ title }) => ({ title })),
    })
    const types = eventTypes(events)
    expect(types.today({ type: 'added', data: { t: 'x' } })).toEqual({
      type: 'added',
      version: 3,
      data: { title: 'X' },
    })
    expect(types.today({ type: 'added', version: 3, data: { title: 'y' } }).data).toEqual({ title: 'y' })
    expect(types.store(events.added({ title: 'z' }))).toEqual({ type: 'added', version: 3, data: { title: 'Z' } })
    const error = caught(() => types.today({ type: 'added', data: { t: 1 } }, 7))
    expect(error).toBeInstanceOf(ModelError)
    expect(error.cause).toBeInstanceOf(InvalidData)
  })

  test('a step without a schema ends the schema before it: creators do not use that one', () => {
    const events = defineEvents({ added: event(z.object({ t: z.string() })).upcast(({ t }) => ({ title: t })) })
    expect(events.added({ title: 'x' }).data).toEqual({ title: 'x' })
  })
})

describe('a wrong declaration throws ModelError', () => {
  test('a former name that another event has', () => {
    expect(() => defineEvents({ a: event().was('b'), b: event() })).toThrow(ModelError)
    expect(() => defineEvents({ a: event().was('x'), b: event().was('x') })).toThrow(/"x" is the name of two events/)
    expect(() => defineEvents({ a: event().was('a') })).toThrow(ModelError)
  })

  test('a value that is not an event type', () => {
    expect(() => defineEvents({ a: {} as never })).toThrow(/event "a"/)
    expect(() => defineEvents({ a: undefined as never })).toThrow(ModelError)
    expect(() => defineEvents({ a: event as never })).toThrow(ModelError)
  })

  test('event types are immutable: each call of a chain returns a new one', () => {
    const first = event<V1>()
    first.upcast((v): V2 => ({ id: v.id, title: v.t })).was('x')
    const types = eventTypes(defineEvents({ first }))
    expect(types.version('first')).toBe(1)
    expect(types.knows('x', 1)).toBe(false)
  })
})
