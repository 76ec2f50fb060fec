import { afterEach, expect, test, vi } from 'vitest'
import { createRareRead } from '../../src/devtools/rareRead.ts'

afterEach(() => void vi.useRealTimers())

test('what changes all the time is read at most once in a while, and once more after its last change', () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
  let reads = 0
  const rare = createRareRead(1000, async () => void reads++)
  for (let version = 0; version < 100; version++) {
    rare.look(version)
    vi.advanceTimersByTime(50)
  }
  expect(reads).toBe(6)
  // Nothing has changed since.
  rare.look(99)
  vi.advanceTimersByTime(5000)
  expect(reads).toBe(6)
})
