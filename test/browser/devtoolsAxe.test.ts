import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { describe, expect, it } from 'vitest'
import { buildPages, chromium, has, type PlaywrightTab, serve } from './harness/index.ts'
import { panel, TABS, tabNamed } from './harness/panel.ts'

declare const page: typeof import('./pages/devtools/devtools.ts')['page']

const script = createRequire(import.meta.url).resolve('axe-core/axe.min.js')
/** The first check is of everything, the second of what another width and other colours can change. */
const LOOKS = [
  { width: 1280, colorScheme: 'light', runOnly: undefined },
  { width: 390, colorScheme: 'dark', runOnly: ['color-contrast', 'target-size', 'scrollable-region-focusable'] },
] as const
/** The height of the window in pixels. A list in the panel shows some rows; further rows would be like them. */
const HEIGHT = 600

describe.skipIf(!has('chromium'))('axe finds nothing in the devtools', () => {
  it('at 1280 px in light and at 390 px in dark, in each tab', async () => {
    const server = await serve(buildPages())
    // Chromium keeps this script compiled. A script that the driver sends is compiled for every page.
    server.override('/axe.js', {
      headers: { 'content-type': 'text/javascript', 'cache-control': 'max-age=3600' },
      body: readFileSync(script, 'utf8'),
    })
    const browser = await chromium({ context: { bypassCSP: true } })
    const open = async (): Promise<PlaywrightTab> => {
      const tab = await browser.open(`${server.url}devtools/`)
      await tab.waitFor(() => document.title === 'ready')
      await tab.page.addScriptTag({ url: '/axe.js' })
      return tab
    }
    const said: string[] = []
    const look = async ({ page }: PlaywrightTab, where: string, runOnly?: readonly string[]): Promise<void> => {
      const options = JSON.stringify({ resultTypes: ['violations'], runOnly })
      const found = (await page.evaluate(`axe.run(${options}).then(({ violations }) => violations)`)) as {
        id: string
        nodes: { target: unknown; failureSummary?: string }[]
      }[]
      for (const { id, nodes } of found)
        for (const { target, failureSummary } of nodes)
          said.push(`${where}: ${id} ${JSON.stringify(target)} ${failureSummary?.split('\n')[1]?.trim()}`)
    }
    /** Checks the named tabs. With `filled`, checks each tab when it shows this text. */
    const walk = async (tab: PlaywrightTab, names: readonly string[], filled?: string): Promise<void> => {
      for (const { width, colorScheme, runOnly } of LOOKS) {
        await tab.page.setViewportSize({ width, height: HEIGHT })
        await tab.page.emulateMedia({ colorScheme })
        for (const name of names) {
          await tabNamed(tab.page, name).click()
          if (filled) await panel(tab.page).getByText(filled).first().waitFor()
          const list = tab.page.locator('[role=tabpanel]:not([hidden]) .row').first()
          if (['Log', 'Rows', 'Commands'].includes(name)) await list.click()
          await look(tab, `${name}, ${width} px, ${colorScheme}`, runOnly)
        }
      }
    }
    const items = await open()
    await items.evaluate(() => page.open('axe').then(() => page.fill(2000, 500)))
    await items.evaluate(() =>
      page
        .mount()
        .then(() => page.engine!.dispatch.finish({ id: 'i3' }))
        .then(() => undefined),
    )
    await walk(items, TABS)
    const jobs = await open()
    await jobs.evaluate(() => page.showJobs())
    await walk(jobs, ['Reactions'], 'RangeError: the job b is bad')
    await walk(jobs, ['Drafts'], 'live, 4 characters')
    const device = await open()
    await device.evaluate(() => page.showDevice())
    await walk(device, ['Sync'], 'CommandRejected')
    expect(said).toEqual([])
    await browser.close()
    await server.close()
  })
})
