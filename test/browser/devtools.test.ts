import type { Locator, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import {
  buildPages,
  chromium,
  has,
  type PlaywrightBrowser,
  type PlaywrightTab,
  type Server,
  serve,
} from './harness/index.ts'

declare const page: typeof import('./pages/devtools/devtools.ts')['page']

const complaints = ({ log }: PlaywrightTab): readonly string[] => log.filter((line) => !/^(log|info|debug)/.test(line))
const panel = (page: Page): Locator => page.locator('tidemark-devtools')
const tabNamed = (page: Page, name: string): Locator => panel(page).getByRole('tab', { name, exact: true })
const rows = (page: Page, of = 'log'): Locator => page.locator(`tidemark-${of}:not([hidden]) tidemark-list .row`)
const TABS = ['Log', 'Rows', 'Time machine', 'Commands', 'Projections', 'Tabs and worker', 'Storage', 'Health']

describe.skipIf(!has('chromium'))('the devtools', () => {
  let browser: PlaywrightBrowser
  let server: Server
  const opened: PlaywrightTab[] = []
  beforeAll(async () => {
    server = await serve(buildPages())
    server.override('/favicon.ico', { status: 204 })
    browser = await chromium({ context: { permissions: ['clipboard-read', 'clipboard-write'] } })
  })
  afterEach(() => Promise.all(opened.splice(0).map((tab) => tab.close())))
  afterAll(async () => {
    await browser?.close()
    await server?.close()
  })

  let names = 0
  const open = async (events = 0, poison?: string): Promise<PlaywrightTab> => {
    const tab = await browser.open(`${server.url}devtools/`)
    opened.push(tab)
    await tab.waitFor(() => document.title === 'ready')
    await tab.evaluate((name, poison) => page.open(name, poison).then(() => undefined), `devtools-${++names}`, poison)
    if (events) await tab.evaluate((events) => page.fill(events, 1000), events)
    return tab
  }
  const mount = (tab: PlaywrightTab): Promise<void> => tab.evaluate(() => page.mount().then(() => undefined))

  it('shows the log under a strict policy and with Trusted Types, and every panel without a word in the console', async () => {
    const tab = await open(5000)
    await mount(tab)
    await rows(tab.page).nth(3).click()
    await panel(tab.page).getByRole('button', { name: 'What it changed' }).click()
    await panel(tab.page).getByRole('table', { name: 'Rows that it changed' }).waitFor()
    for (const name of TABS) {
      await tabNamed(tab.page, name).click()
      await panel(tab.page).getByRole('tabpanel', { name }).waitFor()
    }
    expect(complaints(tab)).toEqual([])
  })

  it('follows the log: what is dispatched is on top, with its command and a test to copy', async () => {
    const tab = await open(2000)
    await mount(tab)
    await tab.evaluate(() => page.engine!.dispatch.rename({ id: 'i7', title: 'Seven' }).then(() => undefined))
    await rows(tab.page).first().filter({ hasText: '"Seven"' }).waitFor()
    await tab.evaluate(() => page.engine!.dispatch.rename({ id: 'nope', title: 'x' }).catch(() => undefined))
    await tabNamed(tab.page, 'Commands').click()
    await rows(tab.page, 'commands').filter({ hasText: 'rejected: item-not-found' }).waitFor()
    await rows(tab.page, 'commands').nth(1).click()
    await panel(tab.page).getByRole('button', { name: 'Copy as test' }).click()
    await panel(tab.page).getByText('Copied to the clipboard.').waitFor()
    const copied = await tab.page.evaluate(() => navigator.clipboard.readText())
    expect(copied).toContain('.when("rename", {"id":"i7","title":"Seven"})')
    expect(copied).toContain('.then(events.itemRenamed({"id":"i7","title":"Seven"}))')
  })

  it('finds the events of a row, and says what each made of it', async () => {
    const tab = await open(5000)
    await mount(tab)
    const filter = panel(tab.page).getByRole('searchbox', { name: 'Filter the log' })
    await filter.fill('row:items/i7')
    await filter.press('Enter')
    await panel(tab.page).getByText('5 found').waitFor()
    await rows(tab.page).last().click()
    await panel(tab.page).getByRole('button', { name: 'items/i7', exact: true }).click()
    await panel(tab.page)
      .getByRole('table', { name: 'Events of this row, newest first' })
      .getByRole('row')
      .nth(4)
      .waitFor()
    await panel(tab.page).getByText('edits: 3 → 4').waitFor()
  })

  it('goes by keyboard: arrows between tabs and in lists, Escape closes and gives the focus back', async () => {
    const tab = await open(2000)
    const { keyboard } = tab.page
    await tab.page.getByRole('button', { name: 'A button of the page' }).focus()
    await mount(tab)
    await tabNamed(tab.page, 'Log').and(tab.page.locator(':focus')).waitFor()
    await keyboard.press('ArrowRight')
    await tabNamed(tab.page, 'Rows').and(tab.page.locator(':focus')).waitFor()
    await keyboard.press('Home')
    await panel(tab.page).getByRole('listbox').focus()
    for (let i = 0; i < 3; i++) await keyboard.press('ArrowDown')
    await panel(tab.page).getByRole('option', { selected: true }).filter({ hasText: '1998' }).waitFor()
    await keyboard.press('End')
    await panel(tab.page).getByRole('option', { selected: true }).filter({ hasText: 'Item number 0' }).waitFor()
    await keyboard.press('Escape')
    await tab.page.getByRole('button', { name: 'A button of the page' }).and(tab.page.locator(':focus')).waitFor()
    await keyboard.press('Control+Shift+D')
    await tabNamed(tab.page, 'Log').waitFor()
  })

  it('shows what is left of a damaged log, and where the damage is', async () => {
    const tab = await open()
    await tab.evaluate(async () => {
      for (const title of ['a', 'b', 'c', 'd']) await page.engine!.dispatch.add({ title })
      await page.engine!.projected()
      const database = await new Promise<IDBDatabase>((resolve) => {
        const request = indexedDB.open(page.name)
        request.onsuccess = () => resolve(request.result)
      })
      const transaction = database.transaction('commits', 'readwrite')
      transaction.objectStore('commits').delete(2)
      await new Promise((resolve) => {
        transaction.oncomplete = resolve
      })
      database.close()
    })
    await mount(tab)
    await rows(tab.page).nth(2).filter({ hasText: 'CorruptLog' }).waitFor()
    await rows(tab.page).nth(3).filter({ hasText: 'title: "a"' }).waitFor()
    await rows(tab.page).nth(1).filter({ hasText: 'title: "c"' }).waitFor()
  })

  it('shows a projection that failed with its stack, and leads to the event at fault', async () => {
    const tab = await open(0, 'bad')
    // As another build does, which folds it.
    const other = await browser.open(`${server.url}devtools/`)
    opened.push(other)
    await other.waitFor(() => document.title === 'ready')
    await other.evaluate((name) => page.open(name).then(() => undefined), `devtools-${names}`)
    await other.evaluate(() => page.engine!.dispatch.add({ title: 'bad' }).then(() => undefined))
    await tab.waitFor(() => page.engine!.status.projections.titles.state === 'failed')
    await mount(tab)
    await panel(tab.page).getByText('1 projection failed: titles at event 1.').first().waitFor()
    await tabNamed(tab.page, 'Projections').click()
    await panel(tab.page).getByText('RangeError: no bad').first().waitFor()
    await panel(tab.page).getByRole('button', { name: 'event 1', exact: true }).click()
    await panel(tab.page).getByRole('region', { name: 'Event 1' }).waitFor()
  })
})
