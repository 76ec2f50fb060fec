import { expect, test } from 'vitest'
import { isConflict } from '../../../src/engine/tools/conflict.ts'

test('putting back an old value over one that somebody else wrote is a conflict', () => {
  expect(isConflict({ before: 'Milk', afterCommand: 'Oats', now: 'Rye', next: 'Milk' })).toBe(true)
})

test('putting back an old value over the one that was left is none', () => {
  expect(isConflict({ before: 'Milk', afterCommand: 'Oats', now: 'Oats', next: 'Milk' })).toBe(false)
})

test('a value that would stay is no conflict, from any writer', () => {
  expect(isConflict({ before: 'Milk', afterCommand: 'Oats', now: 'Milk', next: 'Milk' })).toBe(false)
  expect(isConflict({ before: 'Milk', afterCommand: 'Oats', now: 'Rye', next: 'Rye' })).toBe(false)
})

test('a sum that others added to is none: it becomes neither value', () => {
  expect(isConflict({ before: 1, afterCommand: 2, now: 5, next: 4 })).toBe(false)
})

test('a row that another has removed, and that would be brought back as it was, is a conflict', () => {
  const row = { id: 'a', title: 'Milk' }
  expect(isConflict({ before: row, afterCommand: { ...row, title: 'Oats' }, now: undefined, next: { ...row } })).toBe(
    true,
  )
})
