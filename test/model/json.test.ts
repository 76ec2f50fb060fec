import { createContext, runInContext } from 'node:vm'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { InvalidData, ModelError } from '../../src/errors.ts'
import { canonical, checkKey, copyJson, deepFreeze, fingerprint, stringify } from '../../src/model/json.ts'

function refusal(value: unknown): InvalidData {
  try {
    copyJson(value)
  } catch (error) {
    if (error instanceof InvalidData) return error
    throw error
  }
  throw new Error('was not refused')
}
const nested = (depth: number): unknown => {
  let value: unknown = 1
  for (let i = 0; i < depth; i++) value = { x: value }
  return value
}

describe('a payload is copied by the rules of JSON', () => {
  test('keeps what JSON.parse(JSON.stringify(…)) keeps', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const copy = copyJson(value)
        expect(copy).toStrictEqual(JSON.parse(JSON.stringify(value)))
        if (typeof value === 'object' && value) expect(copy).not.toBe(value)
      }),
    )
  })

  test('shares nothing with the original', () => {
    const original = { list: [{ n: 1 }] }
    const copy = copyJson(original) as typeof original
    original.list[0]!.n = 2
    expect(copy).toEqual({ list: [{ n: 1 }] })
  })

  test('drops properties that are undefined, at every depth', () => {
    expect(copyJson({ a: undefined, b: { c: undefined, d: 1 } })).toStrictEqual({ b: { d: 1 } })
  })

  test('copies a flat object by the same rules: primitives, -0, undefined, many properties, inherited ones', () => {
    const flat = { a: -0, b: undefined, c: null, d: 'text', e: true }
    const many = Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`p${i}`, i]))
    for (const value of [flat, many]) {
      const copy = copyJson(value)
      expect(copy).toStrictEqual((copyJson([value]) as unknown[])[0])
      expect(copy).not.toBe(value)
    }
    expect(Object.is((copyJson(flat) as typeof flat).a, 0)).toBe(true)
    const prototype: { inherited?: number } = Object.prototype
    prototype.inherited = 1
    const copied = copyJson({ own: 1 }) as object
    delete prototype.inherited
    expect(Object.keys(copied)).toEqual(['own'])
    expect(refusal({ key: Number.NaN }).path).toEqual(['key'])
    expect(refusal({ ['k'.repeat(2 ** 24 + 1)]: 1 }).message).toContain('more than 16 MiB')
  })

  test('keeps undefined itself, the payload of an event without one', () => {
    expect(copyJson(undefined)).toBe(undefined)
  })

  test('turns -0 into 0', () => {
    expect(Object.is((copyJson([-0]) as number[])[0], 0)).toBe(true)
  })

  test('hazard 16: own properties called __proto__, constructor and the empty string are kept and change no prototype', () => {
    const hostile = JSON.parse('{"__proto__":{"polluted":true},"constructor":1,"":2,"toString":3}')
    const copy = copyJson(hostile) as any
    expect(Object.getPrototypeOf(copy)).toBe(Object.prototype)
    expect(Object.keys(copy)).toEqual(['__proto__', 'constructor', '', 'toString'])
    expect(JSON.stringify(copy)).toBe(JSON.stringify(hostile))
    expect(copy.polluted).toBe(undefined)
    expect(({} as any).polluted).toBe(undefined)
  })

  test('keeps lone surrogates and long strings', () => {
    const text = `\ud800 ${'x'.repeat(100_000)} \udfff`
    expect(copyJson({ [text]: text })).toEqual({ [text]: text })
  })

  test('hazard 14: proxies of plain data are copied, nested ones too', () => {
    const reactive = <T extends object>(target: T): T =>
      new Proxy(target, {
        get(target, key, receiver) {
          const value = Reflect.get(target, key, receiver)
          return typeof value === 'object' && value ? reactive(value) : value
        },
      })
    expect(copyJson(reactive({ a: [{ b: 1 }], c: null }))).toStrictEqual({ a: [{ b: 1 }], c: null })
  })

  test('copies plain objects and arrays of another realm, and refuses class instances of that realm', () => {
    const realm = createContext({})
    expect(copyJson(runInContext('({ a: [1, { b: 2 }] })', realm))).toStrictEqual({ a: [1, { b: 2 }] })
    expect(refusal(runInContext('({ at: new Date(0) })', realm)).path).toEqual(['at'])
  })

  test('leaves out symbol keys', () => {
    expect(copyJson({ a: { [Symbol('x')]: 1, b: 2 } })).toStrictEqual({ a: { b: 2 } })
  })

  test('takes objects without a prototype for plain ones', () => {
    expect(copyJson(Object.assign(Object.create(null), { a: 1 }))).toStrictEqual({ a: 1 })
  })

  test('does not take an object in two places for a cycle', () => {
    const shared = { n: 1 }
    expect(copyJson([shared, shared])).toStrictEqual([{ n: 1 }, { n: 1 }])
  })

  test('reads a getter once', () => {
    let reads = 0
    const copy = copyJson({
      get n() {
        return ++reads
      },
    })
    expect(copy).toEqual({ n: 1 })
  })
})

describe('a value that JSON would change is refused with its path', () => {
  class Point {
    x = 1
  }
  const cycle: Record<string, unknown> = {}
  cycle.self = { again: cycle }
  const holes: unknown[] = [1]
  holes[2] = 3
  const cases: [what: string, value: unknown, path: (string | number)[]][] = [
    ['NaN', { a: { b: [0, Number.NaN] } }, ['a', 'b', 1]],
    ['Infinity', { a: -Infinity }, ['a']],
    ['a bigint', { a: 1n }, ['a']],
    ['a function', { a: [() => 1] }, ['a', 0]],
    ['a symbol', { a: Symbol('x') }, ['a']],
    ['undefined in an array', [1, undefined], [1]],
    ['a hole in an array', { list: holes }, ['list', 1]],
    ['a Date', { at: new Date() }, ['at']],
    ['a Map', { a: { m: new Map() } }, ['a', 'm']],
    ['a Set', [new Set()], [0]],
    ['a RegExp', { r: /x/ }, ['r']],
    ['a class instance', { p: new Point() }, ['p']],
    ['a boxed string', { s: Object('x') }, ['s']],
    ['a typed array', { bytes: new Uint8Array(2) }, ['bytes']],
    ['an own toJSON', { a: { toJSON: () => 1 } }, ['a', 'toJSON']],
    ['an object that inherits from another', { a: Object.create({ b: 1 }) }, ['a']],
    ['a promise', Promise.resolve(1), []],
    ['a cycle', cycle, ['self', 'again']],
  ]
  test.each(cases)('%s', (_, value, path) => {
    expect(refusal(value).path).toEqual(path)
  })

  test('the path is right after a deeper branch', () => {
    expect(refusal({ a: { b: [1, { c: 1 }] }, d: [[1], Number.NaN] }).path).toEqual(['d', 1])
  })

  test('a getter or a proxy that throws; the cause is what it threw', () => {
    const thrown = new Error('no')
    const error = refusal({
      a: {
        get b() {
          throw thrown
        },
      },
    })
    expect(error.path).toEqual(['a', 'b'])
    expect(error.cause).toBe(thrown)
    const { proxy, revoke } = Proxy.revocable({}, {})
    revoke()
    expect(refusal([proxy]).path).toEqual([0])
  })

  test('a proxy that never ends', () => {
    const endless: object = new Proxy({}, { ownKeys: () => ['x'], getOwnPropertyDescriptor, get: () => endlessAgain() })
    function getOwnPropertyDescriptor() {
      return { configurable: true, enumerable: true, value: 1 }
    }
    const endlessAgain = () => new Proxy({}, { ownKeys: () => ['x'], getOwnPropertyDescriptor, get: endlessAgain })
    expect(refusal(endless).message).toMatch('500 levels')
  })

  test('more than 500 levels', () => {
    expect(copyJson(nested(500))).toEqual(nested(500))
    expect(refusal(nested(501)).message).toMatch('500 levels')
    expect(refusal(nested(100_000)).message).toMatch('500 levels')
  })

  test('more than 16 MiB, even if one small object occurs many times', () => {
    const almost = 'x'.repeat(2 ** 24 - 100)
    expect((copyJson({ almost }) as any).almost).toBe(almost)
    expect(refusal({ a: almost, b: almost }).message).toMatch('16 MiB')
    expect(refusal('x'.repeat(2 ** 24 + 1)).message).toMatch('16 MiB')
    let laughs: unknown = 'ha'.repeat(1000)
    for (let i = 0; i < 30; i++) laughs = [laughs, laughs]
    expect(refusal(laughs).message).toMatch('16 MiB')
  })
})

describe('on a page that added toJSON to arrays or objects', () => {
  const value = { a: [1, 'two', null, { b: [] }], '"': true, n: -1.5, d: { e: undefined } }
  const prints = () => [stringify(value), canonical(value), fingerprint('x', value)]
  const patched = <T>(prototype: object, run: () => T): T => {
    Object.defineProperty(prototype, 'toJSON', { value: () => 'lost', configurable: true, writable: true })
    try {
      return run()
    } finally {
      delete (prototype as { toJSON?: unknown }).toJSON
    }
  }

  test.each([
    ['Array', Array.prototype],
    ['Object', Object.prototype],
  ])('%s.prototype: the value that was checked is stored', (_, prototype) => {
    const before = prints()
    expect(before[0]).toBe(JSON.stringify(value))
    expect(patched(prototype, () => JSON.stringify(value))).toMatch('lost')
    expect(patched(prototype, prints)).toEqual(before)
    expect(patched(prototype, () => copyJson(value))).toStrictEqual(copyJson(value))
  })

  test('any JSON is stored as JSON.stringify writes it on other pages', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (json) => {
        const copy = copyJson(json)
        const text = JSON.stringify(copy)
        expect(stringify(copy)).toBe(text)
        expect(patched(Array.prototype, () => stringify(copy))).toBe(text)
      }),
    )
  })
})

describe('fingerprint', () => {
  test('ignores the order of properties, at every depth', () => {
    expect(fingerprint('add', { a: 1, b: { c: 2, d: [3] } })).toBe(fingerprint('add', { b: { d: [3], c: 2 }, a: 1 }))
  })

  test('differs by command, by any part of the input, and between no input and null', () => {
    const prints = [
      fingerprint('add', undefined),
      fingerprint('add', null),
      fingerprint('add', []),
      fingerprint('add', {}),
      fingerprint('add', { a: 1 }),
      fingerprint('add', { a: '1' }),
      fingerprint('add', { a: [1, 2] }),
      fingerprint('add', { a: [2, 1] }),
      fingerprint('add', { a: { 0: 2, 1: 1 } }),
      fingerprint('add', JSON.parse('{"__proto__":1}')),
      fingerprint('add', { a: '\ud800' }),
      fingerprint('add', { a: '\ud801' }),
      fingerprint('remove', undefined),
    ]
    expect(new Set(prints).size).toBe(prints.length)
  })

  test('is equal exactly for equal data', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), (a, b) => {
        const equal = canonical(a) === canonical(b)
        expect(fingerprint('x', copyJson(a)) === fingerprint('x', copyJson(b))).toBe(equal)
        expect(fingerprint('x', a)).toBe(fingerprint('x', copyJson(a)))
      }),
    )
  })

  test('is short and never changes between releases, because logs store it', () => {
    expect(fingerprint('add', { title: 'Milk', tags: ['a', 'b'] })).toMatchInlineSnapshot(`"15-1iggx1f-a8uq77"`)
    expect(fingerprint('add', { long: 'x'.repeat(100_000) }).length).toBeLessThan(24)
  })
})

describe('keys', () => {
  test.each(['', '__proto__', 'constructor', '\ud800', 'x'.repeat(2 ** 20), 0, -1.5, Number.MAX_SAFE_INTEGER])(
    'hazard 16: %s is a key',
    (key) => expect(checkKey(key, 'a test')).toBe(key),
  )
  test.each([undefined, null])('%s throws ModelError', (key) => {
    expect(() => checkKey(key, 'a test')).toThrow(ModelError)
  })
  test.each([Number.NaN, Infinity, true, {}, [], 1n, Symbol('x'), 'x'.repeat(2 ** 20 + 1)])('%s is wrong data', (key) =>
    expect(() => checkKey(key, 'a test')).toThrow(InvalidData),
  )
})

test('deepFreeze reaches plain objects and arrays, through cycles, and leaves bytes alone', () => {
  const cycle: any = { list: [{ a: 1 }], map: new Map(), bytes: new Uint8Array(1) }
  cycle.self = cycle
  deepFreeze(cycle)
  expect([cycle, cycle.list, cycle.list[0]].every(Object.isFrozen)).toBe(true)
  expect(() => cycle.map.set('x', 1)).toThrow(TypeError)
  cycle.bytes[0] = 1
})
