import 'fake-indexeddb/auto'
import { defineEvents, defineModel, event, projection, value } from 'tidemark'
import { openTestEngine } from 'tidemark/testing'
import { afterEach, describe, expect, test, vi } from 'vitest'

const events = defineEvents({ added: event<{ by: number }>() })
const app = defineModel({
  name: 'app',
  events,
  projections: { sum: projection(events, { into: value(0), evolve: { added: (sum, { data }) => sum + data.by } }) },
  commands: { add: (_, by: number) => events.added({ by }) },
})

test('openTestEngine uses fake-indexeddb if the test has loaded it, and reopens a named log', async () => {
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

test('a log on fake-indexeddb begins with the given events, and takes them only while it is empty', async () => {
  const given = [events.added({ by: 2 }), { type: 'added', version: 1, data: { by: 3 } }]
  const first = await openTestEngine(app, { name: 'begun', events: given })
  expect([first.read.sum.value, first.status.sequence]).toEqual([5, 2])
  await first.dispatch.add(1)
  await first.projected()
  await first.close()
  const second = await openTestEngine(app, { name: 'begun' })
  expect(second.read.sum.value).toBe(6)
  await second.close()
  await expect(openTestEngine(app, { name: 'begun', events: given })).rejects.toThrow('events are for an empty log')
})

describe('fake timers', () => {
  afterEach(() => {
    vi.useRealTimers()
    vi.restoreAllMocks()
  })

  test('that stop fake-indexeddb are reported when an engine opens, with what to fake instead', async () => {
    vi.useFakeTimers()
    await expect(openTestEngine(app)).rejects.toThrow(/have replaced setImmediate.*toFake: \['Date'\]/)
    const engine = await openTestEngine(app, { storage: 'memory' })
    await engine.dispatch.add(1)
    await engine.close()
  })

  test('that are installed later are reported at the next command', async () => {
    const engine = await openTestEngine(app)
    const said = vi.spyOn(console, 'error').mockImplementation(() => {})
    vi.useFakeTimers()
    const dispatched = engine.dispatch.add(1)
    expect(said).toHaveBeenCalledTimes(1)
    expect(said.mock.calls[0]![0]).toMatch(/have replaced setImmediate/)
    await vi.advanceTimersByTimeAsync(1000)
    vi.useRealTimers()
    await dispatched
    await engine.close()
  })

  test('a fake Date alone is fine', async () => {
    vi.useFakeTimers({ toFake: ['Date'], now: 5 })
    const engine = await openTestEngine(app)
    const { events } = await engine.dispatch.add(1)
    expect(events[0]!.at).toBe(5)
    await engine.close()
  })
})
