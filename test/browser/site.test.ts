import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join, posix, sep } from 'node:path'
import type { Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { demos } from '../../demo/site/demos.ts'
import {
  buildDemo,
  chromium,
  has,
  type PlaywrightBrowser,
  type PlaywrightTab,
  type Server,
  serve,
} from './harness/index.ts'

const headers = { 'content-security-policy': "default-src 'self'" }

/** Console messages other than those of the page's own code. The site logs none. */
const said = ({ log }: PlaywrightTab): readonly string[] => log.filter((line) => !line.startsWith('debug'))

describe('every page of the built site', () => {
  let folder: string
  let pages: readonly string[]
  const textOf = (page: string) => readFileSync(join(folder, page), 'utf8')
  beforeAll(() => {
    folder = buildDemo()
    pages = readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .map((file) => file.split(sep).join('/'))
      .filter((file) => file.endsWith('.html'))
  })

  it('exists: a page per file of the guide, per entry of the package and per demo', () => {
    const guide = readdirSync(join(import.meta.dirname, '../../demo/guide')).filter((file) => file.endsWith('.md'))
    const { exports } = JSON.parse(readFileSync(join(import.meta.dirname, '../../package.json'), 'utf8'))
    const entries = Object.keys(exports).filter((key) => key !== './package.json')
    expect(pages).toEqual(
      expect.arrayContaining([
        ...guide.map((file) => `guide/${file.replace('.md', '.html')}`),
        ...entries.map((key) => `reference/${key === '.' ? 'tidemark' : key.slice(2)}.html`),
        ...demos.map(({ path }) => `${path}index.html`),
      ]),
    )
  })

  it('has links only to files and anchors that exist', () => {
    const anchors = new Map(
      pages.map((page) => [page, new Set([...textOf(page).matchAll(/\sid="([^"]+)"/g)].map(([, id]) => id))]),
    )
    const broken = pages.flatMap((page) =>
      [...textOf(page).matchAll(/<[^>]*\s(?:href|src)="([^"]+)"/g)]
        .map(([, link = '']) => link.replaceAll('&amp;', '&'))
        .filter((link) => !/^\w+:/.test(link))
        .filter((link) => {
          const [path = '', anchor] = link.split('#')
          const target = posix.normalize(path ? posix.join(posix.dirname(page), path) : page)
          const file = join(folder, target)
          if (!existsSync(file) || statSync(file).isDirectory()) return true
          // A page whose script makes its content gets its anchors later.
          return anchor !== undefined && anchor !== 'content' && !anchors.get(target)?.has(decodeURIComponent(anchor))
        })
        .map((link) => `${page}: ${link}`),
    )
    expect(broken).toEqual([])
  })

  it('has a title of its own and a description', () => {
    const titles = pages.map((page) => /<title>([^<]+)<\/title>/.exec(textOf(page))?.[1])
    expect(new Set(titles).size).toBe(pages.length)
    expect(
      pages.filter(
        (page) => !/data-bare/.test(textOf(page)) && !/name="description"\s+content="[^"]{20,}/.test(textOf(page)),
      ),
    ).toEqual([])
  })
})

describe.skipIf(!has('chromium'))('the site', () => {
  let server: Server
  let browser: PlaywrightBrowser
  let tab: PlaywrightTab
  let page: Page
  beforeAll(async () => {
    browser = await chromium()
  })
  afterAll(() => browser?.close())
  beforeEach(async () => {
    // Another port is another origin: an empty log, no service worker.
    server = await serve(buildDemo(), { headers })
    tab = await browser.open(server.url)
    page = tab.page
  })
  afterEach(async () => {
    expect(said(tab)).toEqual([])
    await page.close()
    await server.close()
  })

  it('shows the event, the row, a second tab, a worker that dies, the past and a reload', async () => {
    const log = page.locator('.live-event')
    const rows = page.locator('.live-rows li')
    const add = async (title: string, of: Page | ReturnType<Page['frameLocator']> = page) => {
      await of.locator('.live-input').fill(title)
      await of.locator('.live-input').press('Enter')
    }
    await log.nth(2).waitFor()
    await add('Buy milk')
    await rows.getByText('Buy milk').waitFor()
    await log.filter({ hasText: 'title: “Buy milk”' }).waitFor()

    await page.getByRole('button', { name: 'Show a second tab' }).click()
    await add('Call Ada', page.frameLocator('iframe'))
    await rows.getByText('Call Ada').waitFor()

    await page.locator('.live-mark:visible').waitFor()
    await page.getByRole('button', { name: 'Stop the worker' }).click()
    await add('Nobody waits')
    await rows.getByText('Nobody waits').waitFor()
    await page.getByText(/A new worker took over/).waitFor()

    await log.filter({ hasText: 'Buy milk' }).click()
    await page.getByText('These are the rows as they were after event 4.').waitFor()
    expect(await rows.count()).toBe(3)
    await page.getByRole('button', { name: 'Back to now' }).click()
    await expect.poll(() => rows.count()).toBe(5)

    await page.getByRole('button', { name: 'Reload this page' }).click()
    await page.getByText(/^Opened in [\d.,]+ ms, from the snapshot at event \d/).waitFor()
    expect(await rows.count()).toBe(5)
  })

  it('can be searched by the keyboard alone', async () => {
    const results = page.locator('.search-results a')
    await page.locator('.live-event').nth(2).waitFor()
    await page.keyboard.press('/')
    await page.getByText('Type a word').waitFor()
    await page.keyboard.type('opentestengine')
    await results.first().waitFor()
    await page.keyboard.press('Escape')
    expect(await page.locator('.search').isVisible()).toBe(false)
    await page.keyboard.press('/')
    await page.keyboard.type('xyzzy')
    await page.getByText('Nothing found for “xyzzy”').waitFor()
    await page.locator('.search input').fill('protocol')
    await results.nth(1).waitFor()
    for (const key of ['ArrowDown', 'ArrowDown', 'ArrowUp']) await page.keyboard.press(key)
    const url = await results.first().getAttribute('href')
    expect(await results.first().evaluate((link) => link === document.activeElement)).toBe(true)
    await page.keyboard.press('Enter')
    await page.waitForURL(url!)
    await page.locator('.article h1').waitFor()
  })

  it('has a skip link and a menu that work by the keyboard', async () => {
    await page.locator('.live-event').first().waitFor()
    await page.keyboard.press('Tab')
    await page.locator('.skip-link:focus').waitFor()
    await page.keyboard.press('Enter')
    await page.waitForURL((url) => url.hash === '#content')
    await page.locator('.site-menu summary').press('Enter')
    await page.keyboard.press('Tab')
    expect(await page.evaluate(() => document.activeElement?.textContent)).toBe(demos[0]?.title)
    await page.keyboard.press('Escape')
    expect(await page.locator('.site-menu').getAttribute('open')).toBeNull()
  })

  it('works offline after the first visit: first page, guide, reference and a demo', async () => {
    await page.evaluate(() => navigator.serviceWorker.ready.then(() => {}))
    await expect.poll(() => page.evaluate(() => !!navigator.serviceWorker.controller)).toBe(true)
    await browser.context.setOffline(true)
    try {
      await page.reload()
      await page.locator('.live-event').nth(2).waitFor()
      await page.goto(`${server.url}guide/protocol.html`)
      await page.getByRole('heading', { name: 'The protocol' }).waitFor()
      await page.keyboard.press('/')
      await page.keyboard.type('seal')
      await page.locator('.search-results a').first().waitFor()
      await page.goto(`${server.url}reference/`)
      await page.getByRole('heading', { name: 'Reference' }).waitFor()
      await page.goto(`${server.url}todomvc/`)
      await page.locator('.new-todo').fill('Buy milk')
      await page.keyboard.press('Enter')
      await page.locator('.todo-list li').waitFor()
    } finally {
      await browser.context.setOffline(false)
    }
  })

  it('keeps the files of one build until the visitor takes the next one', async () => {
    await page.evaluate(() => navigator.serviceWorker.ready.then(() => {}))
    await expect.poll(() => page.evaluate(() => !!navigator.serviceWorker.controller)).toBe(true)
    const script = readFileSync(join(buildDemo(), 'sw.js'), 'utf8')
    server.override('/sw.js', {
      headers: { 'content-type': 'text/javascript', ...headers },
      body: `${script}\n// the next build`,
    })
    await page.reload()
    const update = page.getByRole('button', { name: 'Update: reload' })
    await update.waitFor()
    const reloaded = page.waitForEvent('load')
    await update.click()
    await reloaded
    await page.locator('.live-event').nth(2).waitFor()
    expect(await update.count()).toBe(0)
  })
})
