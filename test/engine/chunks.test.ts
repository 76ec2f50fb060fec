import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import './kit.ts'

// A deployed app's files may be gone while its page is still open, or come back later.
const gone = new Set<string>()
const asked: string[] = []
vi.mock('../../src/load.ts', async (original) => {
  const { part, ...load } = await original<typeof import('../../src/load.ts')>()
  return {
    ...load,
    part: (name: string, fetch: () => Promise<unknown>) =>
      part(name, async () => {
        asked.push(name)
        if (gone.has(name)) throw new TypeError(`Failed to fetch dynamically imported module: ${name}.js`)
        return fetch()
      }),
  }
})

beforeEach(() => {
  gone.clear()
  asked.length = 0
})
afterEach(() => {
  vi.useRealTimers()
})

/** A page that has loaded the entry, and no other file yet. */
async function page() {
  vi.resetModules()
  return import('./todos.ts')
}

/** The name of a log with one todo. */
async function log(): Promise<string> {
  const { freshName, openTab } = await page()
  const name = freshName()
  const engine = await openTab(name)
  await engine.dispatch.add({ title: 'x' })
  await engine.projected()
  await engine.close()
  return name
}

test('without the half that writes, rows are shown, commands are refused, nothing is appended, and later ones go through', async () => {
  const name = await log()
  gone.add('live')
  const engine = await (await page()).openTab(name)
  expect(engine.read.todos.all()).toHaveLength(1)
  const sent = engine.dispatch.add({ title: 'y' })
  expect(engine.read.todos.size).toBe(2)
  await expect(sent).rejects.toMatchObject({ name: 'StorageError', kind: 'unavailable' })
  expect(engine.read.todos.size).toBe(1)
  expect(engine.status).toMatchObject({ state: 'ready', pending: 0, lastError: { name: 'StorageError' } })
  gone.clear()
  expect(await engine.dispatch.add({ title: 'y' })).toMatchObject({ sequence: 2 })
  await engine.close()
})
