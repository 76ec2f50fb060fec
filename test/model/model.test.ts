import { describe, expect, test } from 'vitest'
import { CommandRejected, InvalidData, ModelError, ProjectionFailed } from '../../src/errors.ts'
import { randomId } from '../../src/ids.ts'
import { defineEvents, event } from '../../src/model/events.ts'
import {
  type AnyModel,
  commandReadOf,
  createContext,
  createFolds,
  decide,
  defineModel,
  readOf,
  reject,
} from '../../src/model/model.ts'
import { projection, table, value } from '../../src/model/projection.ts'

const events = defineEvents({ added: event<{ id: string }>(), cleared: event() })
const rows = projection(events, { into: table<{ id: string }>('id'), evolve: { added: (_, { data }) => data } })
const archive = projection(events, { into: table<{ id: string }>('id', { resident: false }), evolve: {} })
const count = projection(events, { into: value(0), evolve: { added: (n) => n + 1 } })
const model = (commands: Record<string, (...args: any[]) => any>): AnyModel =>
  defineModel({ name: 'm', events, projections: { rows, archive, count }, commands }) as never
const decided = (command: (...args: any[]) => any, input?: unknown) => {
  const any = model({ command })
  return decide(any, 'command', commandReadOf(createFolds(any)), input, createContext(5))
}

describe('a command', () => {
  test('returns one event, several, or none: [], undefined, null', () => {
    expect(decided(() => events.added({ id: 'a' }))).toEqual([{ type: 'added', data: { id: 'a' } }])
    expect(decided(() => [events.added({ id: 'a' }), events.cleared()])).toEqual([
      { type: 'added', data: { id: 'a' } },
      { type: 'cleared' },
    ])
    for (const nothing of [[], undefined, null]) expect(decided(() => nothing)).toEqual([])
  })

  test('gets the read model, its input and a context', () => {
    decided(
      (read, input, context) => {
        expect(Object.keys(read)).toEqual(['rows', 'count'])
        expect(read.rows.size + read.count.value).toBe(0)
        expect(input).toEqual({ x: 1 })
        expect(context.now).toBe(5)
        expect(context.id()).not.toBe(context.id())
      },
      { x: 1 },
    )
  })

  test('rejects with a code and a copy of the details', () => {
    const details = { list: [1] }
    const error = (() => {
      try {
        return decided(() => reject('no', details))
      } catch (error) {
        return error as CommandRejected
      }
    })() as CommandRejected
    expect(error).toBeInstanceOf(CommandRejected)
    details.list.push(2)
    expect([error.name, error.code, error.details]).toEqual(['CommandRejected', 'no', { list: [1] }])
    expect(() => decided(() => reject('no', new Date() as never))).toThrow(InvalidData)
  })

  test('passes on unchanged what it throws', () => {
    const thrown = { not: 'an error' }
    expect(() =>
      decided(() => {
        throw thrown
      }),
    ).toThrow(expect.toSatisfy((error) => error === thrown))
  })

  test.each([
    ['an asynchronous one', async () => events.cleared(), /asynchronous/],
    ['one that gives an unknown event', () => ({ type: 'nope' }), /nope/],
    ['one that gives a list with a hole', () => [undefined], /unknown or retired event/],
    ['one that gives a list in a list', () => [[events.cleared()]], /unknown or retired event/],
    ['one that gives true', () => true, /gave an unknown or retired event: true;/],
    ['one that gives a creator', () => events.cleared, /gave an unknown or retired event: a function;/],
  ])('%s is a wrong model', (_, command, message) => {
    expect(() => decided(command)).toThrow(ModelError)
    expect(() => decided(command)).toThrow(message)
  })

  test('throws ModelError if it is unknown, even if its name is a method of every object', () => {
    for (const name of ['nope', 'toString', '__proto__']) {
      expect(() => decide(model({}), name, {}, undefined, createContext(0))).toThrow(ModelError)
    }
  })

  test('may return 10,000 events', () => {
    expect(decided(() => Array.from({ length: 10_000 }, (_, i) => events.added({ id: `${i}` }))).length).toBe(10_000)
  })

  test('gets a frozen input in development', () => {
    expect(() => decided((_, input) => input.list.push(1), { list: [] })).toThrow(TypeError)
  })

  test('throws the failure of a projection that it reads, and ignores failed projections that it does not read', () => {
    const any = model({ reads: ({ rows }) => rows.size && [], counts: ({ count }) => (count.value ? [] : []) })
    const folds = createFolds(any)
    folds[0]!.failed = new ProjectionFailed('rows', 3, new Error('why'))
    const run = (name: string) => () => decide(any, name, commandReadOf(folds), undefined, createContext(0))
    expect(run('reads')).toThrow(folds[0]!.failed)
    expect(run('counts')()).toEqual([])
    expect((readOf(folds) as any).rows.size).toBe(0)
  })
})

describe('a context', () => {
  test('gives the same ids in the same order to each decision of a command', () => {
    const context = createContext(1)
    const first = [context.id(), context.id()]
    context.restart()
    expect([context.id(), context.id()]).toEqual(first)
    expect(new Set([...first, context.id()]).size).toBe(3)
  })

  test('gives random ids of 131 bits, also outside a secure context', () => {
    const ids = Array.from({ length: 1000 }, randomId)
    expect(new Set(ids).size).toBe(1000)
    expect(ids.every((id) => /^[0-9a-zA-Z_]{22}$/.test(id))).toBe(true)
  })
})

describe('a read model', () => {
  test('is a new object each time, with the same tables until they change', () => {
    const folds = createFolds(model({}))
    const [one, two] = [readOf(folds), readOf(folds)] as any[]
    expect(one).not.toBe(two)
    expect(one.rows).toBe(two.rows)
    folds[0]!.apply({ sequence: 1, type: 'added', data: { id: 'a' }, at: 0, commandId: 'c' })
    const three = readOf(folds) as any
    expect(three.rows).not.toBe(two.rows)
    expect(three.count).toBe(two.count)
    expect(one.rows.size).toBe(1)
  })

  test('has the projections in memory, in the order of declaration', () => {
    expect(createFolds(model({})).map(({ name }) => name)).toEqual(['rows', 'count'])
  })
})

describe('a wrong model throws ModelError', () => {
  const good = { name: 'm', events, projections: { rows }, commands: {} }
  test.each([
    ['no name', { ...good, name: '' }, /name/],
    ['a name that is no string', { ...good, name: 1 }, /name/],
    ['events that defineEvents did not make', { ...good, events: {} }, /defineEvents/],
    ['a projection that projection() did not make', { ...good, projections: { rows: {} } }, /projections.rows/],
    ['no projection', { ...good, projections: { rows: undefined } }, /projections.rows/],
    ['a projection of other events', { ...good, events: defineEvents({ added: event() }) }, /other events/],
    ['a command that is no function', { ...good, commands: { add: events } }, /commands.add/],
  ])('%s', (_, wrong, message) => {
    expect(() => defineModel(wrong as never)).toThrow(ModelError)
    expect(() => defineModel(wrong as never)).toThrow(message)
  })
})
