import { expect, test } from 'vitest'
import { isEqual } from '../../src/model/isEqual.ts'

const make = () => ({
  a: [1, { b: Number.NaN, none: undefined }],
  at: new Date(5),
  map: new Map([['x', { y: 1 }]]),
  set: new Set([1, 2]),
  bytes: new Uint8Array([1, 2]),
  buffer: new Uint8Array([3]).buffer,
  bare: Object.assign(Object.create(null), { z: 0 }),
})

test('rows are equal when their content is, all the way down', () => {
  expect(isEqual(make(), make())).toBe(true)
  const { a, at, ...rest } = make()
  expect(isEqual(make(), { ...rest, at, a })).toBe(true)
})

test.each<[string, unknown, unknown]>([
  ['a value', { a: 1 }, { a: 2 }],
  ['a property', { a: 1 }, { a: 1, b: undefined }],
  ['its name', { a: undefined }, { b: undefined }],
  ['absence', undefined, null],
  ['a type', { 0: 1 }, [1]],
  ['an order', [1, 2], [2, 1]],
  ['a date', new Date(1), new Date(2)],
  ['a map', new Map([['x', 1]]), new Map([['x', 2]])],
  ['a set', new Set([1]), new Set([2])],
  ['bytes', new Uint8Array([1]), new Uint8Array([2])],
  ['a buffer', new Uint8Array([1]).buffer, new Uint8Array([2]).buffer],
  ['an object that nobody can look into', new Blob(['a']), new Blob(['a'])],
])('another %s is another row', (_, one, other) => {
  expect(isEqual(one, other)).toBe(false)
  expect(isEqual(other, one)).toBe(false)
})
