import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  buildDemo,
  chromium,
  has,
  type PlaywrightBrowser,
  type PlaywrightTab,
  type Server,
  serve,
} from './harness/index.ts'
import { complaints, panel, rows, tabNamed } from './harness/panel.ts'

describe.skipIf(!has('chromium'))('every demo page', () => {
  let browser: PlaywrightBrowser
  let server: Server
  beforeAll(async () => {
    server = await serve(buildDemo(), { headers: { 'content-security-policy': "default-src 'self'" } })
    // A service worker would load the whole site.
    browser = await chromium({
      context: { serviceWorkers: 'block', permissions: ['clipboard-read', 'clipboard-write'] },
    })
  })
  afterAll(async () => {
    await browser?.close()
    await server?.close()
  })

  /** Presses the page's button. If nothing opens, the error says what the page shows instead. */
  const openByButton = async (tab: PlaywrightTab): Promise<void> => {
    const { page } = tab
    await page.getByRole('button', { name: 'Devtools', exact: true }).click()
    await tabNamed(page, 'Log')
      .waitFor()
      .catch(async (cause) => {
        const status = await page.locator('.status').textContent()
        const shown = await panel(page).evaluateAll((all) => all.map((one) => one.shadowRoot?.textContent))
        const files = server.requests.filter((request) => /\/(devtools|element)-/.test(request))
        throw new Error(`No panel. ${JSON.stringify({ status, shown, files, log: tab.log })}`, { cause })
      })
  }

  it.each(['todomvc/', 'departures/'])(
    '/%s loads the devtools when they are asked for, by a button and by keys, and they rebuild, verify and export its log',
    async (path) => {
      const before = server.requests.length
      const tab = await browser.open(server.url + path)
      const { page } = tab
      const button = page.getByRole('button', { name: 'Devtools', exact: true })
      const place = await button.boundingBox()
      expect(server.requests.slice(before).filter((request) => request.includes('/element-'))).toEqual([])
      if (path === 'departures/') {
        await page.getByRole('button', { name: 'record the first 10,000 flights' }).click()
        await page.locator('[data-fact="flights"]', { hasText: '10,000' }).waitFor()
      }
      await openByButton(tab)
      await tabNamed(page, 'Projections').click()
      await panel(page).getByRole('button', { name: 'Rebuild all' }).click()
      await panel(page).getByText('Every projection was folded again from the log.').waitFor()
      await panel(page).getByRole('button', { name: 'Verify all' }).click()
      await panel(page).getByText('What is persisted is what the log says.').waitFor()
      await page.keyboard.press('Escape')
      await tabNamed(page, 'Log').waitFor({ state: 'detached' })
      // Whatever the status said meanwhile: a button that moves gets away from a click.
      expect(await button.boundingBox()).toEqual(place)
      await page.keyboard.press('Control+Shift+D')
      await tabNamed(page, 'Storage').click()
      const download = page.waitForEvent('download')
      await panel(page).getByRole('button', { name: 'Export the log' }).click()
      expect((await download).suggestedFilename()).toMatch(/\.tidemark$/)
      const told = await panel(page)
        .getByText(/^Exported [\d,]+ events?:/)
        .textContent()
      if (path === 'departures/') expect(told).toMatch(/^Exported 10,001 events:/)
      expect(complaints(tab)).toEqual([])
      await tab.close()
    },
  )

  it('/live/ opens the devtools by a button and by keys', async () => {
    const tab = await browser.open(`${server.url}live/`)
    const { page } = tab
    await page.getByRole('button', { name: 'Devtools', exact: true }).click()
    await tabNamed(page, 'Log').waitFor()
    await page.keyboard.press('Escape')
    await tabNamed(page, 'Log').waitFor({ state: 'detached' })
    await page.keyboard.press('Control+Shift+D')
    await tabNamed(page, 'Log').waitFor()
    expect(complaints(tab)).toEqual([])
    await tab.close()
  })

  it('/todomvc/ says that the devtools could not be loaded, and opens them with the next try', async () => {
    const tab = await browser.open(`${server.url}todomvc/`)
    const { page } = tab
    server.override(/\/element-/, { status: 503 })
    await page.getByRole('button', { name: 'Devtools', exact: true }).click()
    await page.getByText('The devtools could not be loaded. Try again, or reload the page.').waitFor()
    server.override(/\/element-/, undefined)
    await page.keyboard.press('Control+Shift+D')
    await tabNamed(page, 'Log').waitFor()
    await page.getByText('The devtools could not be loaded').waitFor({ state: 'detached' })
    await tab.close()
  })

  it('/threads/ has its past, tests, sizes, reactions, drafts and a report in the devtools', async () => {
    const tab = await browser.open(`${server.url}threads/`)
    const { page } = tab
    await page.getByRole('button', { name: 'Begin with an example' }).click()
    await page.getByText('What should change in the files').waitFor()
    await page.keyboard.press('Control+Shift+D')
    await rows(page).first().click()
    await panel(page).getByRole('button', { name: 'Copy as test' }).click()
    await panel(page).getByText('Copied to the clipboard.').waitFor()
    expect(await page.evaluate(() => navigator.clipboard.readText())).toContain(
      "import { given } from 'tidemark/testing'",
    )
    await panel(page).getByRole('button', { name: 'State here' }).click()
    await panel(page).getByRole('table', { name: 'Rows that it changed' }).last().waitFor()
    await tabNamed(page, 'Reactions').click()
    await panel(page).getByText('No event is open.').first().waitFor()
    await tabNamed(page, 'Drafts').click()
    await panel(page).getByText('Nothing is being written.').first().waitFor()
    await tabNamed(page, 'Storage').click()
    await panel(page).getByRole('button', { name: 'Measure' }).click()
    await panel(page).getByRole('region', { name: 'Bytes by store' }).waitFor()
    await tabNamed(page, 'Health').click()
    await panel(page).getByLabel('The report').filter({ hasText: '"health": "All is well' }).waitFor()
    await panel(page).getByRole('button', { name: 'Copy a report' }).click()
    await page.waitForFunction(() => navigator.clipboard.readText().then((text) => text.includes('"reactions"')))
    expect(complaints(tab)).toEqual([])
    await tab.close()
  })
})
