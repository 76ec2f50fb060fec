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

test('without any other file, a tab opens, shows its rows, appends and keeps up with others', async () => {
  const name = await log()
  gone.add('reserve').add('pipeline').add('copies')
  const engine = await (await page()).openTab(name)
  const other = await (await page()).openTab(name)
  expect(await engine.dispatch.add({ title: 'y' })).toMatchObject({ sequence: 2 })
  await vi.waitFor(() => expect(other.read.todos.size).toBe(2))
  expect(await other.dispatch.add({ title: 'z' })).toMatchObject({ sequence: 3 })
  await engine.close()
  await other.close()
})

test('projected() and rebuild() reject while the pipeline can not be loaded, and work when it can; status says why meanwhile', async () => {
  const name = await log()
  gone.add('pipeline')
  const engine = await (await page()).openTab(name)
  await engine.dispatch.add({ title: 'y' })
  const missing = { name: 'StorageError', kind: 'unavailable' }
  await expect(engine.projected()).rejects.toMatchObject(missing)
  await expect(engine.rebuild()).rejects.toMatchObject(missing)
  expect(engine.status).toMatchObject({ state: 'ready', worker: 'none', lastError: missing })
  gone.clear()
  await engine.projected()
  await engine.rebuild()
  expect(engine.status).toMatchObject({ worker: 'in-page', projected: 2 })
  await engine.close()
})

test('a pipeline that could not be loaded is loaded again though nobody asks', async () => {
  const name = await log()
  gone.add('pipeline')
  const engine = await (await page()).openTab(name)
  await vi.waitFor(() => expect(engine.status.lastError).toMatchObject({ kind: 'unavailable' }), 5000)
  gone.clear()
  await vi.waitFor(() => expect(engine.status.worker).toBe('in-page'), 10_000)
  await engine.close()
})

test('a tab that works has loaded what it needs in an emergency: it loads nothing more', async () => {
  const name = await log()
  const engine = await (await page()).openTab(name)
  await vi.waitFor(() => expect(engine.status.worker).toBe('in-page'), 5000)
  // When the first work of its visit is done.
  await vi.waitFor(() => expect(asked).toContain('reserve'), 5000)
  asked.length = 0
  gone.add('reserve')
  await engine.dispatch.add({ title: 'y' })
  for await (const _ of engine.history());
  expect(asked).toEqual([])
  await engine.close()
})

test('in a service worker, which may load no code later, an open rejects and says what to do', async () => {
  const name = await log()
  vi.stubGlobal('ServiceWorkerGlobalScope', class {})
  gone.add('reserve')
  const { openTab } = await page()
  await expect(openTab(name)).rejects.toMatchObject({
    name: 'StorageError',
    kind: 'unavailable',
    message: expect.stringContaining('service worker'),
  })
  gone.clear()
  const engine = await openTab(name)
  expect(engine.read.todos.size).toBe(1)
  await engine.close()
})
