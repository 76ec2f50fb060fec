import { defineEvents, defineModel, event, projection, table } from 'tidemark'
import { expect, test } from 'vitest'
import { eventTypes } from '../../src/model/events.ts'
import { createFold } from '../../src/model/fold.ts'
import type { AnyModel } from '../../src/model/model.ts'
import { decideAgain } from '../../src/sync/decideAgain.ts'

test('commits are folded to decide commands again only if there are commands', () => {
  let folded = 0
  const events = defineEvents({ added: event<{ id: string }>() })
  const rows = projection(events, {
    into: table<{ id: string }>('id'),
    evolve: {
      added: (_, { data }) => {
        folded++
        return data
      },
    },
  })
  const app = defineModel({
    name: 'counted',
    events,
    projections: { rows },
    commands: { add: (_, id: string) => events.added({ id }) },
  })
  // The library uses parts of a model that its public type does not show.
  const model = app as unknown as AnyModel
  const fold = createFold('rows', model.projections.rows!, eventTypes(events))
  const stored = (id: string) => ({ id, at: 1, events: [{ type: 'added', data: { id } }] })
  const commit = { id: 'r', first: 1, last: 1, body: JSON.stringify([stored('theirs')]) }
  expect(decideAgain(model, [fold], [commit], [], 1)).toEqual({ kept: [], rejected: [], fulfilled: [] })
  expect(folded).toBe(0)
  const mine = { ...stored('mine'), name: 'add', input: 'mine', ids: [], model: 1 }
  expect(decideAgain(model, [fold], [commit], [mine], 1).kept).toMatchObject([{ id: 'mine' }])
  expect(folded).toBe(2)
})
