import { afterEach, expect, test, vi } from 'vitest'
import { defineEvents, defineModel, event } from '../../src/index.ts'
import { hostProjections } from '../../src/worker.ts'

const model = defineModel({
  name: 'hosted',
  events: defineEvents({ happened: event() }),
  projections: {},
  commands: {},
})
const scope = globalThis as { onconnect?: unknown }
afterEach(() => {
  delete scope.onconnect
})

test('a second call in one script throws', () => {
  hostProjections(model)
  expect(() => hostProjections(model)).toThrow('twice')
})

test('hazard 4: a script that is run again in the same worker, as WebKit does for a part that imports it, changes nothing', async () => {
  hostProjections(model)
  const serving = scope.onconnect
  vi.resetModules()
  const again = await import('../../src/worker.ts')
  expect(again.hostProjections).not.toBe(hostProjections)
  again.hostProjections(model)
  expect(scope.onconnect).toBe(serving)
})
