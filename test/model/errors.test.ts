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
  test('has the name of its class, even if a minifier renames the class', () => {
    expect(error).toBeInstanceOf(Error)
    expect((errors as any)[name]).toBeTypeOf('function')
    expect(error).toBeInstanceOf((errors as any)[name])
    expect(String(error)).toMatch(`${name}: `)
  })
})

test('a message says what happened, to which value, and what to do, in production too', () => {
  const kinds = ['quota', 'closed', 'aborted', 'blocked', 'unavailable', 'unknown', 'lost'] as const
  for (const kind of kinds) {
    expect(new errors.StorageError(kind).message).toMatch(/^The |^Another |^A /)
    expect(new errors.StorageError(kind).message).toMatch(`{"kind":"${kind}"}`)
  }
  expect(String(new errors.StorageError('quota'))).toMatch(
    'no space left for this site. Nothing was written. Free space',
  )
  expect(String(new errors.EngineClosed('log replaced'))).toMatch(/Open the engine again, or reload the page/)
  expect(String(new errors.CorruptLog(9))).toMatch('at event 9')
  expect(String(new errors.ProjectionFailed('todos', 7, cause))).toMatch(
    'Projection "todos" could not fold event 7: TypeError: cause',
  )
  expect(String(new errors.ImportError(3, 'cut'))).toMatch('Line 3 of the file could not be imported: cut.')
})

test('describes a thrown value that can not become a string', () => {
  expect(new errors.ProjectionFailed('todos', 7, Object.create(null)).message).toMatch('an object was thrown')
})

test('InvalidData has at least one issue with a path', () => {
  expect(new errors.InvalidData('bad', ['a', 1]).issues).toEqual([{ message: 'bad', path: ['a', 1] }])
})
