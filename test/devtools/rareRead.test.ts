import { afterEach, expect, test, vi } from 'vitest'
import { createRareRead } from '../../src/devtools/rareRead.ts'

afterEach(() => void vi.useRealTimers())

test('a value that changes all the time is read at most once per interval, and once more after its last change', () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
  let reads = 0
  const rare = createRareRead(1000, async () => void reads++)
  for (let version = 0; version < 100; version++) {
    rare.readIfChanged(version)
    vi.advanceTimersByTime(50)
  }
  expect(reads).toBe(6)
  // Nothing has changed since then.
  rare.readIfChanged(99)
  vi.advanceTimersByTime(5000)
  expect(reads).toBe(6)
})

test('a failed read is retried at the next interval, even without a change, and no more often than other reads', () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
  let reads = 0
  const rare = createRareRead(1000, async () => {
    if (++reads < 3) rare.forget()
  })
  for (let i = 0; i < 100; i++) {
    rare.readIfChanged('the same')
    vi.advanceTimersByTime(50)
  }
  expect(reads).toBe(3)
})
