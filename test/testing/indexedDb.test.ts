import 'fake-indexeddb/auto'
import { defineEvents, defineModel, event, projection, value } from 'tidemark'
import { openTestEngine } from 'tidemark/testing'
import { expect, test } from 'vitest'

const events = defineEvents({ added: event<{ by: number }>() })
const app = defineModel({
  name: 'app',
  events,
  projections: { sum: projection(events, { into: value(0), evolve: { added: (sum, { data }) => sum + data.by } }) },
  commands: { add: (_, by: number) => events.added({ by }) },
})

test('openTestEngine is on fake-indexeddb where the test has loaded it, and opens a named log again', async () => {
  const first = await openTestEngine(app, { name: 'kept' })
  expect(first.status.storage).not.toBe('memory')
  await first.dispatch.add(2)
  await first.close()
  const second = await openTestEngine(app, { name: 'kept' })
  await second.dispatch.add(3)
  expect(second.read.sum.value).toBe(5)
  await second.close()
  const other = await openTestEngine(app)
  expect(other.read.sum.value).toBe(0)
  await other.close()
})
