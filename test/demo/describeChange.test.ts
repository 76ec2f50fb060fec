import { expect, test } from 'vitest'
import { describeChange, describeData } from '../../demo/ui/describeChange.ts'

const id = 'k3f9z1q8a7b6c5d4e3f2'
const row = { id, title: 'Milk', done: false }

test('a change names the row, and for a changed row only the properties that differ', () => {
  expect(describeChange({ projection: 'todos', key: id, before: row, after: { ...row, done: true } })).toEqual({
    what: 'changed',
    where: 'todos k3f9z1…',
    details: ['done: false → true'],
  })
  expect(describeChange({ projection: 'todos', key: id, before: undefined, after: row })).toMatchObject({
    what: 'added',
    details: ['title: “Milk”', 'done: false'],
  })
  expect(describeChange({ projection: 'todos', key: 7, before: row, after: undefined })).toMatchObject({
    what: 'removed',
    where: 'todos 7',
  })
  expect(describeChange({ projection: 'count', before: 1, after: 2 })).toEqual({
    what: 'changed',
    where: 'count',
    details: ['1 → 2'],
  })
})

test('data fits on a line', () => {
  expect(describeData({ id, title: 'a word '.repeat(20), routes: ['a', 'b'] })).toBe(
    `id: k3f9z1…, title: “${'a word '.repeat(20).slice(0, 59)}…”, routes: 2 entries`,
  )
  expect(describeData(undefined)).toBe('')
})
