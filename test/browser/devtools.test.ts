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
import { complaints, panel, rows, TABS, tabNamed } from './harness/panel.ts'
import { sized } from './harness/sizes.ts'

declare const page: typeof import('./pages/devtools/devtools.ts')['page']

/** The most rows of a list in the document, however long the list is. */
const ROWS_MAX = 80
/** Events of the big log. `node test/bench/panel.mjs` measures a million of them. */
const EVENTS = sized(25_000, 100_000)

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

  it('shows the log under a strict policy and with Trusted Types, and every page of the panel without a message in the console', async () => {
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

  it('follows the log: new events are at the top, with their command and a test to copy', async () => {
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

  it('finds the events of a row, and shows how each changed it', async () => {
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

  it('works by keyboard: arrows move between tabs and in lists, Escape closes the panel and returns the focus', async () => {
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

  it('shows the undamaged part of a log, and where the damage is', async () => {
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

  it('shows a failed projection with its stack, and links to the event that caused the failure', async () => {
    const tab = await open(0, 'bad')
    // Another build can fold the event.
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

  it('opens on a big log, scrolls with few rows in the document, finds one row, and updates every two seconds at most', async () => {
    const tab = await open()
    // 50 events of each row.
    await tab.evaluate((events) => page.fill(events, events / 50), EVENTS)
    await tab.evaluate(() => page.timeOpening())
    const scrolled = await tab.evaluate(() => page.scroll())
    expect(scrolled.rows).toBeLessThan(ROWS_MAX)
    expect(scrolled.sequences.at(-1)).toBe(1)
    await tab.evaluate(() => page.timeFinding('row:items/i77', '50 found'))
    await tab.evaluate((text) => page.timeFinding('', text), `${EVENTS.toLocaleString('en')} events`)
    const { looks, reads, rows, ms } = await tab.evaluate(() => page.countLooks(3))
    // The first update may come at once, and each later update two seconds after the one before.
    expect(ms).toBeGreaterThan((looks - 2) * 2000)
    // Each update reads the new events among the visible rows, and renders them once.
    expect(rows).toBeLessThan((looks + 1) * ROWS_MAX)
    expect(reads).toBeLessThanOrEqual(4 * (looks + 1))
    expect(complaints(tab)).toEqual([])
  })

  it('shows the open events and dead letters of reactions, retries a dead letter, and follows drafts', async () => {
    const tab = await open()
    await tab.evaluate(() => page.showJobs())
    await tabNamed(tab.page, 'Reactions').click()
    const card = panel(tab.page).getByRole('region', { name: 'work' })
    const dead = card.getByRole('row').filter({ hasText: 'RangeError: the job b is bad' })
    await dead.waitFor()
    await card.getByRole('row').filter({ hasText: 'attempt 1 is under way' }).waitFor()
    await panel(tab.page).getByRole('region', { name: 'remind' }).getByText('due at').nth(2).waitFor()
    await tab.evaluate(() => page.jobs!.dispatch.mend({ id: 'b' }).then(() => undefined))
    await card.getByRole('button', { name: 'Retry jobAsked 2' }).press('Enter')
    await panel(tab.page).getByText('jobAsked 2 is tried again.').waitFor()
    await dead.waitFor({ state: 'detached' })
    await tabNamed(tab.page, 'Drafts').click()
    const row = panel(tab.page).getByRole('row').filter({ hasText: 'r1' })
    await row.filter({ hasText: 'live, 4 characters' }).waitFor()
    await tab.evaluate(() => page.writer!.append(' more'))
    await row.filter({ hasText: 'live, 9 characters' }).waitFor()
    await tab.evaluate(() => page.writer!.end(() => page.jobs!.dispatch.mend({ id: 'b' })).then(() => undefined))
    await panel(tab.page).getByText('Nothing is being written.').waitFor()
    expect(complaints(tab)).toEqual([])
  })

  it('shows the state of the remote, and the waiting and refused commands', async () => {
    const tab = await open()
    await tab.evaluate(() => page.showDevice())
    await tabNamed(tab.page, 'Sync').click()
    const region = (name: string) => panel(tab.page).getByRole('region', { name, exact: true })
    await region('Outbox').getByRole('row').filter({ hasText: 'id: "b"' }).waitFor()
    await region('Remote').getByText('offline', { exact: true }).waitFor()
    const refused = region('Refused').getByRole('row').filter({ hasText: 'CommandRejected' })
    await refused.getByRole('button', { name: 'Discard' }).click()
    await refused.waitFor({ state: 'detached' })
    expect(complaints(tab)).toEqual([])
  })
})
