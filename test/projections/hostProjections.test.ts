import { wrap } from 'comlink'
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
  vi.unstubAllGlobals()
})

test('a second call in one script throws', () => {
  hostProjections(model)
  expect(() => hostProjections(model)).toThrow(
    'hostProjections was called twice in this worker. Call it once per model.',
  )
})

test('hazard 4: a script that runs again in the same worker changes nothing; WebKit does so for a part that imports it', async () => {
  hostProjections(model)
  const serving = scope.onconnect
  vi.resetModules()
  const again = await import('../../src/worker.ts')
  expect(again.hostProjections).not.toBe(hostProjections)
  again.hostProjections(model)
  expect(scope.onconnect).toBe(serving)
})

test('hazard 3: a worker answers only once it holds its lock; otherwise a tab that asks for the lock would think it dead', async () => {
  let grant = (): void => {}
  const locks = {
    request: (_: string, task: () => Promise<unknown>) =>
      new Promise((resolve) => {
        grant = () => resolve(task())
      }),
  }
  vi.stubGlobal('navigator', { locks })
  hostProjections(model)
  const { port1, port2 } = new MessageChannel()
  ;(scope.onconnect as (event: object) => void)({ ports: [port2] })
  let answered = false
  const reply = wrap<{ hello(engine: string, model: string): { epoch: string } }>(port1)
    .hello('locked', 'another')
    .then((reply) => {
      answered = true
      return reply
    })
  await new Promise((resolve) => setTimeout(resolve, 50))
  expect(answered).toBe(false)
  grant()
  expect((await reply).epoch).toEqual(expect.any(String))
  port1.close()
  port2.close()
})
