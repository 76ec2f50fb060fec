import { defineEvents, defineModel, event, projection, table, value } from 'tidemark'
import { expect, test } from 'vitest'
import { fillFrom, pointOf } from '../../../src/engine/tools/points.ts'
import { type AnyModel, createFolds } from '../../../src/model/model.ts'

const ROWS = 10_000
const events = defineEvents({ added: event<{ id: number }>() })
const model = defineModel({
  name: 'points',
  events,
  projections: {
    rows: projection(events, { into: table<{ id: number }>('id'), evolve: { added: (_, { data }) => data } }),
    count: projection(events, { into: value(0), evolve: { added: (n) => n + 1 } }),
  },
  commands: {},
}) as unknown as AnyModel

test('a point is kept and brought back in pieces of 2,048 rows, order and counters included', () => {
  const folds = createFolds(model)
  for (let id = 1; id <= ROWS; id++)
    for (const fold of folds)
      fold.apply({ type: 'added', sequence: id, data: { id: (id * 7919) % 10_007 }, at: 0, commandId: '' })
  const keeping = pointOf(folds, ROWS)
  let pieces = 0
  let step = keeping.next()
  for (; !step.done; step = keeping.next()) pieces++
  expect(pieces).toBe(Math.floor(ROWS / 2048))

  const others = createFolds(model)
  const sizes: number[] = []
  for (const _ of fillFrom(step.value, others)) sizes.push((others[0]!.view as any).size)
  const grown = sizes.map((size, i) => size - (sizes[i - 1] ?? 0))
  expect(Math.max(...grown)).toBe(2048)
  expect((others[0]!.view as any).all()).toEqual((folds[0]!.view as any).all())
  expect((others[1]!.view as any).value).toBe(ROWS)
  expect(others.map(({ next }) => next)).toEqual(folds.map(({ next }) => next))
})
