import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { createUpdates, STILL_MS, WAIT_MAX_MS, WAIT_MIN_MS, WAIT_PER_COST } from '../../src/devtools/updates.ts'

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] }))
afterEach(() => void vi.useRealTimers())

/** Asks for an update every 50 ms for `ms` milliseconds. Returns the times of the updates. */
async function askFor(ms: number, cost: () => number): Promise<readonly number[]> {
  const began = performance.now()
  const updates: number[] = []
  const asked = createUpdates(async () => {
    updates.push(performance.now() - began)
    return cost()
  })
  for (let at = 0; at < ms; at += 50) {
    asked.ask()
    await vi.advanceTimersByTimeAsync(50)
  }
  asked.stop()
  return updates
}

test('something that changes all the time is updated at once, and then every two seconds', async () => {
  expect(await askFor(7000, () => 5)).toEqual([0, 2000, 4000, 6000])
})

test('an update that costs more waits longer: updates take at most a hundredth of the time, up to a limit', async () => {
  const cost = WAIT_MIN_MS / WAIT_PER_COST + 10
  expect(await askFor(7000, () => cost)).toEqual([0, cost * WAIT_PER_COST, 2 * cost * WAIT_PER_COST])
  expect(await askFor(2 * WAIT_MAX_MS + 1000, () => 5000)).toEqual([0, WAIT_MAX_MS, 2 * WAIT_MAX_MS])
})

test('after an update that costs less again, the next update comes sooner', async () => {
  const costs = [50, 10, 10]
  expect(await askFor(10_000, () => costs.shift() ?? 10)).toEqual([0, 5000, 7000, 9000])
})

test('a change during an update is shown by another update, and a change after a quiet time at once', async () => {
  let updates = 0
  const asked = createUpdates(async () => {
    if (++updates === 1) asked.ask()
    return 0
  })
  asked.ask()
  await vi.advanceTimersByTimeAsync(0)
  expect(updates).toBe(1)
  await vi.advanceTimersByTimeAsync(WAIT_MIN_MS)
  expect(updates).toBe(2)
  await vi.advanceTimersByTimeAsync(WAIT_MIN_MS)
  asked.ask()
  await vi.advanceTimersByTimeAsync(0)
  expect(updates).toBe(3)
})

test('after an expensive update, a change is shown after two seconds if no other change follows', async () => {
  const updates: number[] = []
  const asked = createUpdates(async () => {
    updates.push(performance.now())
    return 1000
  })
  const began = performance.now()
  asked.ask()
  await vi.advanceTimersByTimeAsync(500)
  asked.ask()
  await vi.advanceTimersByTimeAsync(WAIT_MIN_MS + STILL_MS)
  expect(updates.map((at) => at - began)).toEqual([0, WAIT_MIN_MS + STILL_MS])
})

test('an update that is due is dropped if everything is up to date, or after `stop`', async () => {
  let updates = 0
  const asked = createUpdates(async () => ++updates)
  asked.ask()
  asked.restart()
  await vi.advanceTimersByTimeAsync(WAIT_MAX_MS)
  expect(updates).toBe(0)
  asked.ask()
  asked.stop()
  await vi.advanceTimersByTimeAsync(WAIT_MAX_MS)
  expect(updates).toBe(0)
})
