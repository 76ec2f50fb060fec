import { readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { sep } from 'node:path'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { buildDemo, chromium, has, type PlaywrightBrowser, type Server, serve } from './harness/index.ts'

const script = createRequire(import.meta.url).resolve('axe-core/axe.min.js')

interface Finding {
  readonly id: string
  readonly nodes: readonly { readonly target: readonly string[]; readonly failureSummary?: string }[]
}

/** The first look applies every rule. The second one applies the rules that width and colours can affect. */
const looks = [
  { width: 1280, colorScheme: 'light', only: undefined },
  { width: 390, colorScheme: 'dark', only: ['color-contrast', 'target-size', 'scrollable-region-focusable'] },
] as const

/** Elements that the reference repeats hundreds of times, all alike. */
const repeated = ['.snippet ~ .snippet ~ .snippet', '.table ~ .table ~ .table']
/** The parts that are the same on every page of the guide and the reference. */
const frame = ['.site-header', '.book', '.on-page', '.neighbours']

/** The elements that complete a page. Other pages are complete once they have loaded. */
const ready: Record<string, string> = {
  'index.html': '.live-event >> nth=2',
  'live/index.html': '.live-event >> nth=2',
  'departures/index.html': '.first',
}

/**
 * The pairs of an element and its parent, with their classes. A page without a new pair has no new colours. Turns code without a new
 * pair into plain text, because its thousands of elements slow every rule down.
 */
const pairsOf = (page: Page, seen: ReadonlySet<string>): Promise<string[]> =>
  page.evaluate(
    (seen) => {
      const known = new Set(seen)
      const name = (element: Element | null) => `${element?.localName}.${element?.classList}`
      const pairsIn = (selector: string, root: ParentNode) =>
        [...root.querySelectorAll(selector)].map((one) => `${name(one.parentElement)} ${name(one)}`)
      for (const code of document.querySelectorAll('pre > code')) {
        const pairs = pairsIn('*', code)
        if (pairs.every((pair) => known.has(pair))) code.textContent = `${code.textContent}`
        for (const pair of pairs) known.add(pair)
      }
      return [...new Set(pairsIn('body *', document))]
    },
    [...seen],
  )

describe.skipIf(!has('chromium'))(
  'axe finds nothing, nothing is wider than the window and the console is empty',
  () => {
    let server: Server
    let browser: PlaywrightBrowser
    let folder: string
    beforeAll(async () => {
      folder = buildDemo()
      // Chromium keeps the scripts that all pages share, compiled.
      server = await serve(folder, { headers: { 'cache-control': 'max-age=3600' } })
      // Chromium keeps this script compiled. It would compile a script that the driver sends anew for every page.
      server.override('/axe.js', {
        headers: { 'content-type': 'text/javascript', 'cache-control': 'max-age=3600' },
        body: readFileSync(script, 'utf8'),
      })
      // A service worker would load the whole site again and again.
      browser = await chromium({ context: { serviceWorkers: 'block' } })
    })
    afterAll(async () => {
      await browser?.close()
      await server?.close()
    })

    it('on every page of the site, light and wide, dark and narrow', async () => {
      const pages = readdirSync(folder, { recursive: true, encoding: 'utf8' })
        .map((file) => file.split(sep).join('/'))
        .filter((file) => file.endsWith('.html'))
        .sort()
      const { page, log } = await browser.open('about:blank')
      const found: string[] = []
      const seen = new Set<string>()
      for (const path of pages) {
        // An empty page changes its width faster than the page before.
        await page.goto('about:blank')
        await page.setViewportSize({ width: looks[0].width, height: 900 })
        await page.goto(server.url + path)
        await page
          .locator(ready[path] ?? 'main')
          .first()
          .waitFor()
        if (path === 'todomvc/index.html') {
          await page.locator('.new-todo').fill('Buy milk')
          await page.keyboard.press('Enter')
          await page.locator('.todo-list li').first().waitFor()
        }
        const pairs = await pairsOf(page, seen)
        // Contrast and target size are the slowest rules. All pages share their style sheets, so only new pairs can break these rules.
        const fresh = !/^(guide|reference)\//.test(path) || pairs.some((pair) => !seen.has(pair))
        for (const pair of pairs) seen.add(pair)
        await page.addScriptTag({ url: `${server.url}axe.js` })
        for (const { width, colorScheme, only } of looks) {
          await page.setViewportSize({ width, height: 900 })
          await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
          const context = { exclude: fresh ? repeated : [...repeated, ...frame] }
          const options = {
            resultTypes: ['violations'],
            preload: false,
            ...(only && { runOnly: only }),
            rules: { 'color-contrast': { enabled: fresh }, ...(only && { 'target-size': { enabled: fresh } }) },
          }
          const findings = (await page.evaluate(
            `axe.run(${JSON.stringify(context)}, ${JSON.stringify(options)}).then(({ violations }) => violations)`,
          )) as Finding[]
          for (const { id, nodes } of findings)
            for (const { target, failureSummary } of nodes)
              found.push(`${path} ${colorScheme}: ${id} ${target.join(' ')}: ${failureSummary?.split('\n')[1]?.trim()}`)
          const wider = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)
          if (wider > 0) found.push(`${path} at ${width} px: ${wider} px too wide`)
        }
      }
      expect(found).toEqual([])
      // Playwright itself writes this line.
      expect(log.filter((line) => !line.includes('Service Worker registration blocked'))).toEqual([])
    })
  },
)
