import { describe, expect, test, vi } from 'vitest'
import * as errors from '../../src/errors.ts'
import { fromWire, toWire } from '../../src/log/wire.ts'

const cause = new TypeError('cause')
const each = [
  new errors.CommandRejected('no', { id: 1 }),
  new errors.CommandRejected('no'),
  new errors.CommandIdConflict('id'),
  new errors.InvalidData('bad', ['a', 1]),
  new errors.ModelError('wrong'),
  new errors.ProjectionFailed('todos', 7, cause),
  new errors.ProjectionFailed('todos', 7, new errors.ModelError('wrong', cause)),
  new errors.StorageError('quota', 'full', cause),
  new errors.OutdatedCodeError('added', 2),
  new errors.EngineClosed('log replaced'),
  new errors.CorruptLog(9),
  new errors.ImportError(3, 'cut'),
]

describe.each(each.map((error) => [error.name, error] as const))('%s', (name, error) => {
  test('hazard 13: comes out of a port as the same class with the same fields', () => {
    const travelled: any = fromWire(structuredClone(toWire(error)))
    expect(travelled).toBeInstanceOf((errors as any)[name])
    expect(Object.prototype.toString.call(travelled)).toBe('[object Error]')
    expect({ ...travelled }).toEqual({ ...error })
    expect([travelled.name, travelled.message, travelled.stack]).toEqual([error.name, error.message, error.stack])
    expect(travelled.cause?.message).toBe((error.cause as Error | undefined)?.message)
    expect(travelled.cause?.name).toBe((error.cause as Error | undefined)?.name)
  })
})

test('this test covers every error class of the package', () => {
  const names = new Set<string>(each.map(({ name }) => name))
  expect(names).toEqual(new Set(Object.keys(errors).filter((name) => name !== 'Named')))
})

test("an app's own error keeps name and message, and nothing that a port refuses", () => {
  const own = Object.assign(new RangeError('far'), { callback: () => 1 })
  const travelled = fromWire(structuredClone(toWire(own)))
  expect(travelled).toBeInstanceOf(Error)
  expect([travelled.name, travelled.message]).toEqual(['RangeError', 'far'])
})

test.each(['text', 7, null, undefined, {}, Object.create(null), Symbol('x'), () => 1])(
  'a value that is not an error becomes one: %s',
  (thrown) => {
    const travelled = fromWire(structuredClone(toWire(thrown)))
    expect(travelled).toBeInstanceOf(Error)
    expect(travelled.name).toBe('Error')
  },
)

test('a wire that names a method of every object makes an Error', () => {
  expect(fromWire({ name: 'constructor', message: 'x' })).toBeInstanceOf(Error)
  expect(fromWire({ name: '__proto__', message: 'x' })).toBeInstanceOf(Error)
})

test('hazard 13: an error of another copy of its class keeps its fields', async () => {
  vi.resetModules()
  const copy = await import('../../src/errors.ts')
  const error = new copy.StorageError('quota', 'no space')
  expect(error).not.toBeInstanceOf(errors.StorageError)
  const received = fromWire(structuredClone(toWire(error)))
  expect(received).toBeInstanceOf(errors.StorageError)
  expect(received).toMatchObject({ name: 'StorageError', kind: 'quota' })
})
