import { createContext, runInContext } from 'node:vm'
import { deepEqual, shallowEqual } from 'tidemark'
import { describe, expect, test } from 'vitest'
import { rowsEqual } from '../../src/model/isEqual.ts'

class Point {
  constructor(readonly x: number) {}
}
const make = () => {
  const row: Record<string, unknown> = {
    a: [1, { b: Number.NaN, none: undefined }],
    at: new Date(5),
    never: new Date(Number.NaN),
    pattern: /a+/gi,
    map: new Map<unknown, unknown>([
      ['x', { y: 1 }],
      [{ key: 1 }, 2],
    ]),
    set: new Set<unknown>([1, 2, { three: 3 }]),
    bytes: new Uint8Array([1, 2]),
    view: new DataView(new Uint8Array([1, 2, 3]).buffer, 1),
    buffer: new Uint8Array([3]).buffer,
    bare: Object.assign(Object.create(null), { z: 0 }),
    error: new RangeError('no', { cause: { id: 1 } }),
    boxed: Object('text'),
    big: 2n,
  }
  row.self = row
  return row
}

describe('deepEqual', () => {
  test('is true for equal content at every depth, for every type that structured clone copies', () => {
    expect(deepEqual(make(), make())).toBe(true)
    expect(deepEqual(make(), structuredClone(make()))).toBe(true)
    const { a, at, ...rest } = make()
    expect(deepEqual({ a, at, ...rest }, { ...rest, at, a })).toBe(true)
  })

  test.each<[string, unknown, unknown]>([
    ['value', { a: 1 }, { a: 2 }],
    ['property', { a: 1 }, { a: 1, b: undefined }],
    ['name of a property', { a: undefined }, { b: undefined }],
    ['absence', undefined, null],
    ['type', { 0: 1 }, [1]],
    ['order', [1, 2], [2, 1]],
    ['hole', [1, undefined], Object.assign([1], { length: 2 })],
    ['zero', [0], [-0]],
    ['date', new Date(1), new Date(2)],
    ['pattern', /a/, /b/],
    ['flag of a pattern', /a/, /a/g],
    ['map', new Map([['x', 1]]), new Map([['x', 2]])],
    ['key of a map', new Map([[{ k: 1 }, 1]]), new Map([[{ k: 2 }, 1]])],
    ['set', new Set([1]), new Set([2])],
    ['member of a set', new Set([{ a: 1 }]), new Set([{ a: 2 }])],
    ['bytes', new Uint8Array([1]), new Uint8Array([2])],
    ['kind of bytes', new Uint8Array([1]), new Int8Array([1])],
    ['buffer', new Uint8Array([1]).buffer, new Uint8Array([2]).buffer],
    ['part of a buffer', new Uint8Array([1, 2]).subarray(1), new Uint8Array([1, 2]).subarray(0, 1)],
    ['error', new Error('a'), new Error('b')],
    ['cause', new Error('a', { cause: 1 }), new Error('a', { cause: 2 })],
    ['promise', Promise.resolve(1), Promise.resolve(1)],
    ['Blob, whose bytes are not at hand,', new Blob(['a']), new Blob(['a'])],
    ['function', () => 1, () => 1],
  ])('another %s is another value', (_, one, other) => {
    expect(deepEqual(one, other)).toBe(false)
    expect(deepEqual(other, one)).toBe(false)
    expect(deepEqual(one, one)).toBe(true)
  })

  test('ends on cycles, also if their lengths differ', () => {
    const ring = (length: number) => {
      const first: any = { name: 'x' }
      let last = first
      for (let i = 1; i < length; i++) last = last.next = { name: 'x' }
      last.next = first
      return first
    }
    expect(deepEqual(ring(2), ring(3))).toBe(true)
    expect(deepEqual(ring(2), { name: 'x', next: { name: 'x', next: { name: 'y' } } })).toBe(false)
  })

  test('compares 100,000 levels without a stack overflow, and a shared part once', () => {
    const deep = () => {
      let value: unknown = 1
      for (let i = 0; i < 100_000; i++) value = [value]
      return value
    }
    expect(deepEqual(deep(), deep())).toBe(true)
    const shared = () => {
      let value: unknown = { a: 1 }
      for (let i = 0; i < 40; i++) value = [value, value]
      return value
    }
    expect(deepEqual(shared(), shared())).toBe(true)
  })

  test('compares an instance of a class by its properties, as structured clone copies it', () => {
    expect(deepEqual(new Point(1), structuredClone(new Point(1)))).toBe(true)
    expect(deepEqual(new Point(1), new Point(2))).toBe(false)
  })

  test('compares values of another realm like those of this one', () => {
    const realm = createContext({})
    expect(
      deepEqual(runInContext('({ at: new Date(5), m: new Map([[1, [2]]]) })', realm), {
        at: new Date(5),
        m: new Map([[1, [2]]]),
      }),
    ).toBe(true)
  })
})

describe('rowsEqual', () => {
  test('takes a Blob for equal to its stored copy, which has the same type and size', () => {
    expect(rowsEqual({ b: new Blob(['a'], { type: 'x/y' }) }, { b: new Blob(['b'], { type: 'x/y' }) })).toBe(true)
    expect(rowsEqual(new Blob(['a']), new Blob(['ab']))).toBe(false)
    expect(rowsEqual(new File(['a'], 'one', { lastModified: 1 }), new File(['a'], 'two', { lastModified: 1 }))).toBe(
      false,
    )
  })
})

describe('shallowEqual', () => {
  test('compares the members of arrays and plain objects, one level deep', () => {
    const row = { id: 'a' }
    expect(shallowEqual([row, 1], [row, 1])).toBe(true)
    expect(shallowEqual({ row, n: Number.NaN }, { n: Number.NaN, row })).toBe(true)
    expect(shallowEqual([{ id: 'a' }], [{ id: 'a' }])).toBe(false)
    expect(shallowEqual([1], { 0: 1 })).toBe(false)
    expect(shallowEqual({ a: undefined }, { b: undefined })).toBe(false)
    expect(shallowEqual(new Date(1), new Date(1))).toBe(false)
    expect(shallowEqual(new Map(), new Map())).toBe(false)
    expect(shallowEqual(null, {})).toBe(false)
  })
})
