import { expect, test, vi } from 'vitest'
import './kit.ts'
import { freshName, openTab } from './todos.ts'

// A deployed app's files may be gone while its page is still open, or come back later.
let gone = false
vi.mock('../../src/engine/work.ts', async (original) => {
  const work = await original<typeof import('../../src/engine/work.ts')>()
  return {
    ...work,
    get work() {
      if (gone) throw new TypeError('Failed to fetch dynamically imported module: work.js')
      return work.work
    },
  }
})

test('without the half that writes, rows are shown, commands are refused, nothing is appended, and later ones go through', async () => {
  const name = freshName()
  const before = await openTab(name)
  await before.dispatch.add({ title: 'x' })
  await before.projected()
  await before.close()
  gone = true
  const engine = await openTab(name)
  expect(engine.read.todos.all()).toHaveLength(1)
  const sent = engine.dispatch.add({ title: 'y' })
  expect(engine.read.todos.size).toBe(2)
  await expect(sent).rejects.toThrow('work.js')
  expect(engine.read.todos.size).toBe(1)
  expect(engine.status).toMatchObject({ state: 'ready', pending: 0, lastError: { name: 'TypeError' } })
  gone = false
  expect(await engine.dispatch.add({ title: 'y' })).toMatchObject({ sequence: 2 })
  await engine.close()
})
