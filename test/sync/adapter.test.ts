import { expect, test, vi } from 'vitest'
import { tab } from '../engine/kit.ts'
import { freshName } from '../engine/todos.ts'
import './devices.ts'

test('status reports an adapter that throws when it is opened, and commands stay on this device', async () => {
  const asked = vi.fn()
  const remote = (): never => {
    asked()
    throw new TypeError('servers: "sync.example" is no address')
  }
  const one = await tab(freshName(), {}, { remote, mirror: false })
  await expect
    .poll(() => one.status.sync?.error?.message, { timeout: 10_000 })
    .toContain('"sync.example" is no address')
  expect(one.status.sync?.state).toBe('offline')
  await one.dispatch.add({ id: 'a', title: 'kept' })
  expect(one.status.sync?.pending).toBe(1)
  expect(one.read.todos.all()).toHaveLength(1)
  expect(asked).toHaveBeenCalledTimes(1)
})
