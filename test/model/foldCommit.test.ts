import { expect, test } from 'vitest'
import { events, todoApp } from '../engine/todos.ts'
import type { AnyModel } from '../log/rooms.ts'
import { createFolds, foldCommit } from '../projections/rooms.ts'

const commit = (first: number, last = first) => ({ id: `c${first}`, first, last, body: '' })
const added = (sequence: number, title: string) => ({
  ...events.todoAdded({ id: `t${sequence}`, title }),
  sequence,
  at: 0,
  commandId: 'c',
})
const folds = (poison?: string) => createFolds(todoApp(poison === undefined ? {} : { poison }) as unknown as AnyModel)

test('guarantee 5: a commit is folded only directly after the checkpoint: never twice, and never after a gap', () => {
  for (const fold of folds()) {
    foldCommit(fold, commit(1), [added(1, 'a')], [])
    const { slots, sequence } = fold
    const rows = JSON.stringify([...slots])
    foldCommit(fold, commit(1), [added(1, 'a')], [])
    foldCommit(fold, commit(3), [added(3, 'c')], [])
    expect(JSON.stringify([...fold.slots])).toBe(rows)
    expect(fold.sequence).toBe(sequence)
    foldCommit(fold, commit(2), [added(2, 'b')], [])
    expect(fold.sequence).toBe(2)
  }
})

test('rule 1: a commit that fails halfway is rolled back whole, and the fold stays at the commit before', () => {
  const fold = folds('poison').find(({ name }) => name === 'titles')!
  foldCommit(fold, commit(1), [added(1, 'a')], [])
  foldCommit(fold, commit(2, 3), [added(2, 'b'), added(3, 'poison')], [])
  expect(fold.failed).toMatchObject({ name: 'ProjectionFailed', projection: 'titles', sequence: 3 })
  expect(fold.sequence).toBe(1)
  expect([...fold.slots].map(({ row }: any) => row.title)).toEqual(['a'])
})
