import { describe, expect, test } from 'vitest'
import * as errors from '../../src/errors.ts'

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
  test('carries the name of its class, whatever a minifier calls that', () => {
    expect(error).toBeInstanceOf(Error)
    expect((errors as any)[name]).toBeTypeOf('function')
    expect(error).toBeInstanceOf((errors as any)[name])
    expect(String(error)).toMatch(`${name}: `)
  })
})
