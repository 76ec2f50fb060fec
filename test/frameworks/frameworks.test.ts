import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Browser, has, launch, type Server, serve, type Tab } from '../browser/harness/index.ts'
import type {} from './scenarios/hydration.ts'
import { wanted } from './setup.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const MOUNTS = 1000
let server: Server
beforeAll(async () => {
  server = await serve(join(root, 'build/frameworks'))
})
afterAll(() => server?.close())

const describeScenarios = (framework: string, browser: () => Browser) => {
  let tab: Tab
  beforeAll(async () => {
    tab = await browser().open(`${server.url}${framework}/scenarios.html`)
    await tab.waitFor(() => window.scenarios || document.readyState === 'complete')
    expect(tab.log).toEqual([])
    await tab.waitFor(() => window.scenarios)
  })
  afterAll(async () => {
    expect(tab.log).toEqual([])
    await tab.close()
  })

  test('a dispatch shows in the same tick, or in Angular in the next frame', async () => {
    expect(await tab.evaluate(() => window.scenarios.dispatch())).toEqual({
      before: 'row 1',
      inTick: 'changed',
      after: 'changed',
      others: ['row 0', 'row 2'],
    })
  })

  test('if one of 1,000 rows changes, at most two components render, no selector runs twice, and each element stays', async () => {
    const { renders, runsOfOthers, runsOfChanged, ...shown } = await tab.evaluate(() => window.scenarios.rows())
    expect(shown).toEqual({ shownRows: 1000, text: 'changed', keptElements: 1000 })
    expect(renders).toBeGreaterThan(0)
    expect(renders).toBeLessThanOrEqual(2)
    expect(runsOfOthers).toBeLessThanOrEqual(1)
    expect(runsOfChanged).toBeLessThanOrEqual(1)
  })

  test('1,000 mounts and unmounts leave no listener and no element behind', async () => {
    const { most, ...rest } = await tab.evaluate((times) => window.scenarios.mounts(times), MOUNTS)
    expect(most).toBeGreaterThan(0)
    expect(rest).toEqual({ listenersLeft: 0, elements: 0 })
  })

  test("another user's engine replaces the first engine, which is no longer read", async () => {
    expect(await tab.evaluate(() => window.scenarios.swap())).toEqual({
      first: 'one 0',
      second: 'other 0',
      rows: 3,
      stays: 'other 0',
      changed: 'changed',
      listeners: 0,
      listenersLeft: 0,
    })
  })

  test('a component with new props reads another row, also in the same tick as a change of that row', async () => {
    expect(await tab.evaluate(() => window.scenarios.props())).toEqual({
      seen: ['row 0', 'row 2', 'changed', 'changed, too', 'last'],
      listenersLeft: 0,
      elements: 0,
    })
  })

  test('a draft shows as it grows, runs no selector, and ends with its event', async () => {
    expect(await tab.evaluate(() => window.scenarios.draft())).toEqual({
      seen: ['none', 'Hel', 'Hello', 'other', 'Hello', 'none'],
      // A selector of Lit may read properties of its host, so it runs with each update of the host.
      runs: framework === 'lit' ? 2 : 0,
      listenersLeft: 0,
      title: 'Hello',
    })
  })

  test('a status line shows the states of the remote and of the reactions', async () => {
    const nothing = { listenersLeft: 0, elements: 0 }
    expect(await tab.evaluate(() => window.scenarios.status())).toEqual({
      remote: { seen: ['sync offline', 'sync online'], ...nothing },
      reactions: { seen: ['index idle 0', 'index running 1', 'index idle 0'], ...nothing },
    })
  })

  test('components that unmount during a command or inside a listener leave nothing behind', async () => {
    expect(await tab.evaluate(() => window.scenarios.unmount())).toEqual({
      listenersLeft: 0,
      elements: 0,
      title: 'last',
    })
  })
}

describe.skipIf(!has('chromium'))('chromium', () => {
  let browser: Browser
  beforeAll(async () => {
    browser = await launch('chromium')
  })
  afterAll(() => browser?.close())
  const isWanted = (framework: string): boolean => !wanted.length || wanted.includes(framework)
  for (const framework of ['react', 'vue', 'svelte', 'solid', 'preact', 'lit', 'angular'].filter(isWanted))
    describe(framework, () => describeScenarios(framework, () => browser))

  test.each(['react', 'vue', 'svelte', 'solid', 'preact', 'lit', 'angular'].filter(isWanted))(
    "%s hydrates a server's HTML: all its elements stay, nothing is logged, and the rows show",
    async (framework) => {
      const tab = await browser.open(`${server.url}${framework}/hydration.html`)
      await tab.waitFor(() => window.hydration)
      const { elements, kept, html, hydrated, changed } = await tab.evaluate(() => window.hydration)
      // `fromRead` of Svelte and the controllers of Lit have no `server` option.
      const served = (...shown: string[]) => (['svelte', 'lit'].includes(framework) ? [] : shown)
      expect(html).toEqual({ sequence: ['0'], rows: [], served: served('of the server') })
      expect(hydrated).toEqual({ sequence: ['2'], rows: ['row 0', 'row 1'], served: served('row 0,row 1') })
      expect(changed).toEqual({ sequence: ['3'], rows: ['row 0', 'changed'], served: served('row 0,changed') })
      expect(elements).toBeGreaterThan(1)
      expect(kept).toBe(elements)
      expect(tab.log).toEqual([])
      await tab.close()
    },
  )
})

for (const engine of ['firefox', 'webkit'] as const)
  describe.skipIf(!has(engine))(engine, () => {
    let browser: Browser
    beforeAll(async () => {
      browser = await launch(engine)
    })
    afterAll(() => browser?.close())
    describe('react', () => describeScenarios('react', () => browser))
  })
