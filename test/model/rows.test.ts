import { createContext, runInContext } from 'node:vm'
import { describe, expect, test } from 'vitest'
import { InvalidData, ModelError } from '../../src/errors.ts'
import { defineEvents, event, eventTypes } from '../../src/model/events.ts'
import { createFold, type Fold } from '../../src/model/fold.ts'
import { projection, type ReadTable, table, value } from '../../src/model/projection.ts'

interface Row {
  id: string
  [property: string]: any
}
const events = defineEvents({ added: event<{ id: string }>(), changed: event<{ id: string }>() })
const types = eventTypes(events)

/** A table whose `added` gives `row` and whose `changed` does what `change` does. */
function rowsOf(row: () => object, change: (row: Row) => Row = (row) => row) {
  const fold: Fold = createFold(
    'things',
    projection(events, {
      into: table<Row>('id'),
      evolve: {
        added: (_, { data }) => ({ ...data, ...row() }),
        changed: (row) => change(row as Row),
      },
    }) as never,
    types,
  )
  const apply = (event: { type: string; data: any }) =>
    fold.apply({ ...event, sequence: ++fold.sequence, at: 0, commandId: 'c' })
  return {
    fold,
    add: (id = 'a') => apply(events.added({ id })),
    change: (id = 'a') => apply(events.changed({ id })),
    get read() {
      return fold.view as ReadTable<Row>
    },
  }
}
const caught = (run: () => unknown): any => {
  try {
    run()
  } catch (error) {
    return error
  }
  throw new Error('nothing was thrown')
}

const cyclic = (p: object): object => {
  const row: Row = { id: 'a' }
  row.self = { row, p }
  return row
}
class Point {
  x = 1
}
class Tags extends Set<string> {}
class List extends Array<string> {}

describe('in development, evolve may not return a row that the database would refuse or change', () => {
  test.each<[string, () => object, (string | number)[], RegExp]>([
    ['a function', () => ({ onClick: () => 1 }), ['onClick'], /a function at \["onClick"\]/],
    ['a function in a list', () => ({ list: [{ f() {} }] }), ['list', 0, 'f'], /a function at \["list"\]\[0\]\["f"\]/],
    ['a function in a map', () => ({ m: new Map([['k', () => 1]]) }), ['m', 'k'], /a function/],
    ['a symbol', () => ({ s: Symbol('x') }), ['s'], /a symbol/],
    ['an instance of a class', () => ({ at: new Point() }), ['at'], /an instance of Point at \["at"\]/],
    ['an instance in a set', () => ({ s: new Set([new Point()]) }), ['s', 0], /an instance of Point/],
    ['an instance of a class that extends Set', () => ({ tags: new Tags() }), ['tags'], /an instance of Tags/],
    ['an instance of a class that extends Array', () => ({ l: List.from(['a']) }), ['l'], /an instance of List/],
    ['an object that inherits', () => ({ o: Object.create({ inherited: 1 }) }), ['o'], /an instance of/],
    ['a promise', () => ({ p: Promise.resolve(1) }), ['p'], /an instance of Promise/],
    ['a proxy', () => ({ list: [{ p: new Proxy({ a: 1 }, {}) }] }), ['list', 0, 'p'], /what structured clone refuses/],
    ['a proxy in a cycle', () => cyclic(new Proxy({}, {})), ['self', 'p'], /what structured clone refuses/],
    ['a WeakMap', () => ({ w: new WeakMap() }), ['w'], /an instance of WeakMap/],
  ])('%s', (_, row, path, message) => {
    const { add, read } = rowsOf(row)
    const error = caught(() => add())
    expect(error).toBeInstanceOf(InvalidData)
    expect(error.path).toEqual(path)
    expect(error.message).toMatch(/^things: what evolve\.added returned as row "a" can't be stored/)
    expect(error.message).toMatch(message)
    expect(read.size).toBe(0)
  })

  test('evolve is refused each time, even if it returns the same object', () => {
    const part = { f: () => 1 }
    const { add } = rowsOf(() => ({ part }))
    for (let i = 0; i < 3; i++) expect(() => add()).toThrow(InvalidData)
  })

  test('evolve may return values that structured clone can copy', () => {
    const cycle: Row = { id: 'a' }
    cycle.self = cycle
    const row = {
      at: new Date(0),
      pattern: /a/g,
      map: new Map([[{ k: 1 }, new Set([1n])]]),
      bytes: new Uint8Array(2),
      buffer: new ArrayBuffer(2),
      blob: new Blob(['a']),
      error: new TypeError('no'),
      boxed: Object('x'),
      none: undefined,
      bare: Object.create(null),
      foreign: runInContext('({ at: new Date(0), m: new Map([[1, 2]]), list: [1] })', createContext({})),
      cycle,
    }
    const { add, change, read } = rowsOf(() => row)
    add()
    change()
    expect(read.get('a')!.bytes).toEqual(new Uint8Array(2))
  })

  test('a value and its initial state are checked in the same way', () => {
    const error = caught(() => projection(events, { into: value({ f: () => 1 }), evolve: {} }))
    expect(error).toBeInstanceOf(InvalidData)
    expect(error.path).toEqual(['f'])
    const fold = createFold(
      'sum',
      projection(events, { into: value<unknown>(0), evolve: { added: () => new Point() } }) as never,
      types,
    )
    const added = { ...events.added({ id: 'a' }), sequence: 1, at: 0, commandId: 'c' }
    expect(() => fold.apply(added)).toThrow(
      /^sum: what evolve.added returned can't be stored: it holds an instance of Point/,
    )
  })
})

describe('the contents of a row do not change in place', () => {
  const holding = () => ({
    at: new Date(5),
    map: new Map([['k', { n: 1 }]]),
    set: new Set(['x']),
    deep: [{ at: new Date(6) }],
  })
  const changes: [string, (row: Row) => unknown][] = [
    ['a Date', ({ at }) => at.setFullYear(2000)],
    ['a Map', ({ map }) => map.set('l', 1)],
    ['a Map, by delete', ({ map }) => map.delete('k')],
    ['what a Map holds', ({ map }) => (map.get('k').n = 2)],
    ['a Set', ({ set }) => set.add('y')],
    ['a Set, by clear', ({ set }) => set.clear()],
    ['a Date deep in a row', ({ deep }) => deep[0].at.setTime(0)],
  ]
  test.each(changes)('a reader can not change %s', (_, change) => {
    const { add, read } = rowsOf(holding)
    add()
    expect(() => change(read.get('a')!)).toThrow(TypeError)
    expect(() => change(read.all()[0]!)).toThrow(TypeError)
    expect(read.get('a')).toEqual({ id: 'a', ...holding() })
  })

  test.each(changes)('evolve can not change %s', (_, change) => {
    const {
      add,
      change: changed,
      read,
    } = rowsOf(holding, (row) => {
      change(row)
      return { ...row }
    })
    add()
    expect(() => changed()).toThrow(TypeError)
    expect(read.get('a')).toEqual({ id: 'a', ...holding() })
  })

  test('bytes can not be frozen, so a change of them is noticed at the next event of the row', () => {
    const byReader = rowsOf(() => ({ bytes: new Uint8Array(2) }))
    byReader.add()
    byReader.read.get('a')!.bytes[0] = 1
    expect(() => byReader.change()).toThrow(/things: something outside evolve changed bytes in place/)
    const byEvolve = rowsOf(
      () => ({ nested: { bytes: new Float64Array(2) } }),
      (row) => {
        row.nested.bytes[1] = 7
        return { ...row }
      },
    )
    byEvolve.add()
    const error = caught(() => byEvolve.change())
    expect(error).toBeInstanceOf(ModelError)
    expect(error.message).toMatch(/things: evolve\.changed changed bytes in place/)
    const copying = rowsOf(
      () => ({ bytes: new Uint8Array(2) }),
      (row) => ({ ...row, bytes: row.bytes.with(0, row.bytes[0] + 1) }),
    )
    copying.add()
    copying.change()
    copying.change()
    expect(copying.read.get('a')!.bytes[0]).toBe(2)
  })

  test('a frozen row is cloned like any other', () => {
    const { add, read } = rowsOf(holding)
    add()
    const clone = structuredClone(read.get('a')!)
    clone.map.set('l', { n: 2 })
    clone.at.setTime(7)
    expect([clone.map.size, read.get('a')!.map.size, clone.at.getTime()]).toEqual([2, 1, 7])
  })
})

test('two logs of one page do not share the initial state of a value', () => {
  const initial = { list: [] as string[], map: new Map<string, number>() }
  const definition = projection(events, {
    into: value(initial),
    evolve: { added: (state, { data }) => ({ ...state, list: [...state.list, data.id] }) },
  })
  const [one, two] = ['one', 'two'].map((name) => createFold(name, definition as never, types)) as [Fold, Fold]
  const state = (fold: Fold) => (fold.view as any).value as typeof initial
  expect(state(one)).toEqual(initial)
  expect(state(one).map).not.toBe(state(two).map)
  one.clear()
  expect(state(one).map).not.toBe(initial.map)
  expect(Object.isFrozen(initial)).toBe(false)
  initial.map.set('x', 1)
  expect(state(two).map.size).toBe(0)
})

describe('a key or an index that is not a plain name throws ModelError', () => {
  const wrong = [
    'user.id',
    '++id',
    '++',
    'a b',
    '[a+b]',
    '&x',
    '*x',
    'a,b',
    '',
    '1st',
    'a-b',
    ' id',
    'id:x',
    'a;b',
    '$$x y',
  ]
  test.each(wrong)('%j', (name) => {
    expect(() => table<any>(name)).toThrow(ModelError)
    expect(() => table<any>(name, { resident: false })).toThrow(ModelError)
    expect(() => table<any>('id', { resident: false, indexes: ['fine', name] })).toThrow(
      /is no plain name of a property/,
    )
  })
  test('refuses a name that is not a string', () => {
    for (const name of [undefined, 1, ['a', 'b'], Symbol('x')])
      expect(() => table<any>(name as never)).toThrow(ModelError)
  })
  test('plain names in any alphabet are accepted', () => {
    for (const name of ['id', '_id', '$id', 'Größe', '名前', 'a1', 'constructor']) {
      expect(table<any>('id', { resident: false, indexes: [name] })).toMatchObject({ indexes: [name] })
    }
  })
})
