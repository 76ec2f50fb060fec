import { createRequire } from 'node:module'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { buildDemo, chromium, has, type PlaywrightBrowser, type Server, serve } from './harness/index.ts'

const script = createRequire(import.meta.url).resolve('axe-core/axe.min.js')

interface Finding {
  readonly id: string
  readonly nodes: readonly { readonly target: readonly string[]; readonly failureSummary?: string }[]
}

describe.skipIf(!has('chromium'))('axe finds nothing on the demo', () => {
  let server: Server
  let browser: PlaywrightBrowser
  beforeAll(async () => {
    server = await serve(buildDemo())
    browser = await chromium()
  })
  afterAll(async () => {
    await browser?.close()
    await server?.close()
  })

  it.each(
    ['', 'todomvc/', 'departures/'].flatMap((path) => [
      { path, width: 1280 },
      { path, width: 390 },
    ]),
  )('/$path at $width px', async ({ path, width }) => {
    const { page } = await browser.open('about:blank')
    await page.setViewportSize({ width, height: 900 })
    await page.goto(server.url + path)
    await page.locator('main, .new-todo').first().waitFor()
    if (path === 'todomvc/') {
      await page.locator('.new-todo').fill('Buy milk')
      await page.keyboard.press('Enter')
      await page.locator('.todo-list li').first().waitFor()
    }
    await page.addScriptTag({ path: script })
    const findings = (await page.evaluate('axe.run().then(({ violations }) => violations)')) as Finding[]
    const said = findings.flatMap(({ id, nodes }) =>
      nodes.map(({ target, failureSummary }) => `${id} ${target.join(' ')}: ${failureSummary?.split('\n')[1]?.trim()}`),
    )
    expect(said).toEqual([])
    await page.close()
  })
})
