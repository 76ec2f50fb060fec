import type { Locator, Page } from 'playwright-core'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import {
  buildDemo,
  chromium,
  has,
  type PlaywrightBrowser,
  type PlaywrightTab,
  type Server,
  serve,
} from './harness/index.ts'
import { sized } from './harness/sizes.ts'

/** Service workers would load the whole site for each origin. site.test.ts tests them. */
const withoutServiceWorkers = { context: { serviceWorkers: 'block' } } as const

const headers = { 'content-security-policy': "default-src 'self'" }

/** Messages of a browser about a refused resource, an uncaught error or an unhandled rejection. */
const complaints = ({ log }: PlaywrightTab): readonly string[] => log.filter((line) => /^(error|uncaught)/.test(line))

const text = async (locator: Locator): Promise<string> => (await locator.textContent()) ?? ''
const fact = (page: Page, name: string) => page.locator(`.status [data-fact="${name}"]`)
const number = async (page: Page, name: string): Promise<number> =>
  Number((await text(page.locator(`[data-fact="${name}"]`).first())).replaceAll(',', ''))
const sentence = (page: Page) => page.locator('.status-sentence')

let server: Server
let browser: PlaywrightBrowser
beforeAll(async () => {
  if (!has('chromium')) return
  server = await serve(buildDemo(), { headers })
  browser = await chromium(withoutServiceWorkers)
})
afterAll(async () => {
  await browser?.close()
  await server?.close()
})

describe.skipIf(!has('chromium'))('the landing page', () => {
  it('leads to both demos and loads nothing from elsewhere', async () => {
    const tab = await browser.open(server.url)
    const { page } = tab
    const foreign: string[] = []
    page.on('request', (request) => request.url().startsWith(server.url) || foreign.push(request.url()))
    await page.reload()
    await page.getByRole('main').getByRole('link', { name: 'Departures' }).click()
    await page.getByText('3,399 routes are ready').waitFor()
    await page.goBack()
    await page.getByRole('main').getByRole('link', { name: 'TodoMVC' }).click()
    await page.locator('.new-todo').waitFor()
    expect(foreign).toEqual([])
    expect(complaints(tab)).toEqual([])
    await tab.close()
  })
})

describe.skipIf(!has('chromium'))('TodoMVC, by its specification', () => {
  let server: Server
  let tab: PlaywrightTab
  let page: Page
  beforeEach(async () => {
    // Another port is another origin, so an empty log.
    server = await serve(buildDemo(), { headers })
    tab = await browser.open(`${server.url}todomvc/`)
    page = tab.page
    await page.locator('.new-todo').waitFor()
    return async () => {
      expect(complaints(tab)).toEqual([])
      await page.close()
      await server.close()
    }
  })

  const add = async (...titles: string[]): Promise<void> => {
    for (const title of titles) {
      await page.locator('.new-todo').fill(title)
      await page.keyboard.press('Enter')
    }
  }
  const titles = (of: Page = page) => of.locator('.todo-list li label').allInnerTexts()
  const item = (title: string) => page.locator('.todo-list li', { hasText: title })
  const count = () => text(page.locator('.todo-count'))
  const edit = async (title: string, next: string): Promise<void> => {
    await item(title).locator('label').dblclick()
    await page.locator('.edit').fill(next)
  }

  it('starts with the cursor in the new todo, without main and footer', async () => {
    expect(await page.locator('.new-todo').evaluate((input) => input === document.activeElement)).toBe(true)
    expect(await page.locator('.main').count()).toBe(0)
    expect(await page.locator('.footer').count()).toBe(0)
  })

  it('adds what is typed, trimmed, clears the input, and ignores blanks', async () => {
    await add('  Buy milk  ', '   ', 'Call Ada')
    expect(await titles()).toEqual(['Buy milk', 'Call Ada'])
    expect(await page.locator('.new-todo').inputValue()).toBe('')
  })

  it('counts open todos, one item in the singular', async () => {
    await add('Buy milk', 'Call Ada')
    expect(await count()).toBe('2 items left')
    await item('Buy milk').locator('.toggle').check()
    expect(await count()).toBe('1 item left')
    expect(await text(page.locator('.todo-count strong'))).toBe('1')
    await item('Call Ada').locator('.toggle').check()
    expect(await count()).toBe('0 items left')
    expect(await item('Call Ada').getAttribute('class')).toBe('completed')
  })

  it('edits on a double click: Enter and blur save, trimmed, Escape does not, and an empty title removes', async () => {
    await add('Buy milk', 'Call Ada')
    await item('Buy milk').locator('label').dblclick()
    expect(
      await page.locator('.todo-list li.editing .edit').evaluate((input) => input === document.activeElement),
    ).toBe(true)
    await page.locator('.edit').fill('  Buy oat milk ')
    await page.keyboard.press('Enter')
    expect(await titles()).toEqual(['Buy oat milk', 'Call Ada'])
    expect(await page.locator('.editing').count()).toBe(0)

    await edit('Call Ada', 'Call nobody')
    await page.keyboard.press('Escape')
    expect(await titles()).toEqual(['Buy oat milk', 'Call Ada'])

    await edit('Call Ada', 'Call Grace')
    await page.locator('.new-todo').click()
    expect(await titles()).toEqual(['Buy oat milk', 'Call Grace'])

    await edit('Buy oat milk', '  ')
    await page.keyboard.press('Enter')
    expect(await titles()).toEqual(['Call Grace'])
  })

  it('is edited by the keyboard alone', async () => {
    await add('Buy milk')
    await page.keyboard.press('Tab')
    await page.keyboard.press('Tab')
    await page.keyboard.press('Space')
    expect(await item('Buy milk').getAttribute('class')).toBe('completed')
    await page.keyboard.press('Tab')
    await page.keyboard.press('Enter')
    await page.keyboard.type('!')
    await page.keyboard.press('Enter')
    expect(await titles()).toEqual(['Buy milk!'])
  })

  it('removes a todo by its button', async () => {
    await add('Buy milk', 'Call Ada')
    await item('Buy milk').hover()
    await item('Buy milk').locator('.destroy').click()
    expect(await titles()).toEqual(['Call Ada'])
  })

  it('marks all, follows single ones, and clears what is completed', async () => {
    await add('Buy milk', 'Call Ada')
    const all = page.locator('.toggle-all')
    const clear = page.locator('.clear-completed')
    expect(await clear.count()).toBe(0)
    await page.getByText('Mark all as complete').click()
    expect(await page.locator('.completed').count()).toBe(2)
    await item('Buy milk').locator('.toggle').uncheck()
    expect(await all.isChecked()).toBe(false)
    await item('Buy milk').locator('.toggle').check()
    expect(await all.isChecked()).toBe(true)
    await page.getByText('Mark all as complete').click()
    expect(await page.locator('.completed').count()).toBe(0)
    await item('Buy milk').locator('.toggle').check()
    await clear.click()
    expect(await titles()).toEqual(['Call Ada'])
    expect(await clear.count()).toBe(0)
    expect(await all.isChecked()).toBe(false)
  })

  it('routes by the address, and keeps the filter on reload', async () => {
    // The page learns of a new address in a later task.
    await add('Buy milk', 'Call Ada')
    await item('Buy milk').locator('.toggle').check()
    await page.getByRole('link', { name: 'Active' }).click()
    expect(page.url()).toMatch(/#\/active$/)
    await expect.poll(() => titles()).toEqual(['Call Ada'])
    expect(await text(page.locator('.filters .selected'))).toBe('Active')
    await item('Call Ada').locator('.toggle').click()
    expect(await titles()).toEqual([])
    await page.getByRole('link', { name: 'Completed' }).click()
    await expect.poll(() => titles()).toEqual(['Buy milk', 'Call Ada'])
    await page.reload()
    await page.locator('.todo-list').waitFor()
    expect(await text(page.locator('.filters .selected'))).toBe('Completed')
    await page.goBack()
    await expect.poll(() => titles()).toEqual([])
  })

  it('is the same list in two tabs, after a reload and in a new browser process', async () => {
    await add('Buy milk')
    const other = await browser.open(`${server.url}todomvc/`)
    await other.page.locator('.todo-list li').waitFor()
    await add('Call Ada')
    await other.page.locator('.todo-list li', { hasText: 'Call Ada' }).waitFor()
    await other.page.locator('.todo-list li', { hasText: 'Buy milk' }).locator('.toggle').check()
    await page.locator('.todo-list li.completed', { hasText: 'Buy milk' }).waitFor()
    await page.reload()
    await page.locator('.todo-list').waitFor()
    expect(await titles()).toEqual(['Buy milk', 'Call Ada'])
    expect(complaints(other)).toEqual([])

    await fact(page, 'pending').getByText('0', { exact: true }).waitFor()
    await browser.restart()
    const next = await browser.open(`${server.url}todomvc/`)
    await next.page.locator('.todo-list').waitFor()
    expect(await titles(next.page)).toEqual(['Buy milk', 'Call Ada'])
  })

  it('undoes with Ctrl+Z and redoes with Ctrl+Shift+Z, each todo in its place; inside a text, its own typing', async () => {
    await add('Buy milk', 'Call Ada', 'Read')
    await item('Call Ada').locator('.toggle').check()
    await item('Buy milk').hover()
    await item('Buy milk').locator('.destroy').click()
    await page.locator('.clear-completed').click()
    expect(await titles()).toEqual(['Read'])
    await page.locator('.new-todo').focus()
    await page.keyboard.press('Control+z')
    expect(await titles()).toEqual(['Call Ada', 'Read'])
    await page.keyboard.press('Control+z')
    expect(await titles()).toEqual(['Buy milk', 'Call Ada', 'Read'])
    await page.keyboard.press('Control+z')
    expect(await page.locator('.completed').count()).toBe(0)
    await page.keyboard.press('Control+Shift+z')
    expect(await item('Call Ada').getAttribute('class')).toBe('completed')
    await page.getByRole('button', { name: 'Redo' }).click()
    expect(await titles()).toEqual(['Call Ada', 'Read'])
    await page.locator('.new-todo').pressSequentially('typing')
    await page.keyboard.press('Control+z')
    expect(await titles()).toEqual(['Call Ada', 'Read'])
    expect(await page.locator('.new-todo').inputValue()).not.toBe('typing')
  })

  it('keeps the keyboard focus during edits, removals and undo', async () => {
    await add('Buy milk', 'Call Ada')
    const focused = () =>
      page.evaluate(() => document.activeElement?.getAttribute('aria-label') ?? document.activeElement?.textContent)
    await item('Buy milk').locator('.toggle').focus()
    for (const key of ['Tab', 'Enter', '!', 'Enter']) await page.keyboard.press(key)
    await expect.poll(focused).toBe('Complete Buy milk!')
    for (const key of ['Tab', 'Tab', 'Enter']) await page.keyboard.press(key)
    await expect.poll(titles).toEqual(['Call Ada'])
    expect(await focused()).toBe('Complete Call Ada')
    await page.getByRole('button', { name: 'Undo' }).focus()
    for (let undos = 0; undos < 4; undos++) await page.keyboard.press('Enter')
    await expect.poll(titles).toEqual([])
    expect(await focused()).toBe('Undo')
  })

  it('keeps later changes of another tab, and says so', async () => {
    await add('Buy milk')
    const other = await browser.open(`${server.url}todomvc/`)
    await other.page.locator('.todo-list label', { hasText: 'Buy milk' }).dblclick()
    await other.page.locator('.edit').fill('Buy oat milk')
    await other.page.keyboard.press('Enter')
    await item('Buy oat milk').waitFor()
    await page.getByRole('button', { name: 'Undo' }).click()
    await page.getByText('another tab has changed this todo since').waitFor()
    expect(await titles()).toEqual(['Buy oat milk'])
    expect(complaints(other)).toEqual([])
  })

  it('shows the list at any point of its past and what changed there, also by the keyboard', async () => {
    await add('Buy milk', 'Call Ada')
    await item('Buy milk').locator('.toggle').check()
    await fact(page, 'sequence').getByText('3', { exact: true }).waitFor()
    await page.getByRole('button', { name: 'Look back' }).press('Enter')
    const slider = page.getByRole('slider', { name: 'Point in the log' })
    const then = page.getByRole('list', { name: 'The list then' })
    await then.getByText('Buy milk (completed)').waitFor()
    expect(await slider.getAttribute('aria-valuetext')).toBe('event 3 of 3, todoMarked')
    expect(await text(page.getByRole('list', { name: 'Rows it changed' }))).toMatch('completed: false → true')
    await slider.press('ArrowLeft')
    await page.locator('[data-sequence="2"]').waitFor()
    expect(await text(then)).toMatch(/Buy milk○ Call Ada/)
    await page.getByRole('button', { name: 'Event before' }).click()
    await page.locator('[data-sequence="1"]').waitFor()
    expect(await text(then)).not.toMatch('Call Ada')
    await slider.press('Home')
    await page.getByText('nothing had happened yet').waitFor()
    expect(await titles()).toEqual(['Buy milk', 'Call Ada'])
    await add('Meanwhile')
    await fact(page, 'sequence').getByText('4', { exact: true }).waitFor()
    await slider.press('End')
    await page.locator('[data-sequence="4"]').waitFor()
    await page.getByRole('button', { name: 'Back to now' }).click()
    expect(await then.count()).toBe(0)
  })

  it('reminds the user of a due todo by a note, and by a notification if a click has allowed it', async () => {
    // Headless browsers show no notifications, so this replaces the browser's side.
    await page.addInitScript(() => {
      const told: string[] = []
      const notification = Object.assign(
        function show(title: string) {
          told.push(title)
        },
        {
          permission: 'default',
          async requestPermission() {
            told.push('asked')
            notification.permission = 'granted'
          },
        },
      )
      Object.assign(window, { told, Notification: notification })
    })
    await page.reload()
    const told = () => page.evaluate(() => (window as unknown as { told: string[] }).told)
    await add('Buy milk', 'Call Ada')
    await item('Buy milk').getByRole('button', { name: 'Set a due date' }).press('Enter')
    expect(await told()).toEqual([])
    await page.getByRole('button', { name: 'Allow notifications' }).press('Enter')
    const due = page.getByLabel('Due', { exact: true })
    await due.fill('2026-01-09T18:30')
    await due.press('Enter')
    const note = page.locator('.reminder')
    await note.getByText('Buy milk is due: Fri, Jan 9').waitFor()
    await expect.poll(told).toEqual(['asked', 'Buy milk'])
    await note.getByRole('button', { name: 'In an hour' }).press('Enter')
    await note.waitFor({ state: 'detached' })
    expect(await item('Buy milk').locator('.due').textContent()).not.toContain('Jan 9')
  })

  it('says where the log stands', async () => {
    await add('Buy milk')
    await sentence(page).getByText('the next tab opens from an up-to-date snapshot').waitFor()
    await fact(page, 'sequence').getByText('1', { exact: true }).waitFor()
    await fact(page, 'projected').getByText('1', { exact: true }).waitFor()
    expect(await text(fact(page, 'worker'))).toBe('shared')
  })

  it('works without storage if that is chosen, and says what that means', async () => {
    await page.addInitScript(() => Object.defineProperty(globalThis, 'indexedDB', { value: undefined }))
    await page.reload()
    await page.getByRole('button', { name: 'nothing will be kept' }).click()
    await add('Buy milk')
    expect(await titles()).toEqual(['Buy milk'])
    expect(await text(sentence(page))).toMatch('everything here is gone')
  })
})

/** The flights that the tests record. The page is made for a million. */
const ENOUGH = sized(25_000, 100_000)

describe.skipIf(!has('chromium'))('Departures, on real flights', () => {
  let tab: PlaywrightTab
  let page: Page
  /** How many flights are recorded. */
  let flights = 0
  beforeAll(async () => {
    tab = await browser.open(`${server.url}departures/`)
    page = tab.page
  })

  const record = (flights: string, of: Page = page) =>
    of.getByRole('button', { name: `record the first ${flights} flights` }).click()
  const note = (of: Page = page) => text(of.locator('.recorder .note:not(:empty)'))
  const stoppedAt = (note: string) => Number(note.match(/[\d,]+/)?.[0].replaceAll(',', ''))
  const atSequence = (of: Page, sequence: number) =>
    fact(of, 'sequence').getByText(sequence.toLocaleString('en'), { exact: true }).waitFor()
  const shows = (flights: number, of: Page = page) =>
    of.locator('[data-fact="flights"]', { hasText: flights.toLocaleString('en') }).waitFor()
  /** Waits until the page shows this many flights. Recording goes on meanwhile. */
  const reaches = (flights: number) =>
    page.waitForFunction(
      (flights) => Number(document.querySelector('[data-fact="flights"]')?.textContent?.replaceAll(',', '')) >= flights,
      flights,
    )
  /** Stops recording, and returns how many are recorded. */
  const cancel = async (of: Page = page): Promise<number> => {
    await of.getByRole('button', { name: 'Cancel' }).click()
    const told = await note(of)
    expect(told).toMatch(/^Stopped at [\d,]+\. The recorded flights stay/)
    return stoppedAt(told)
  }
  const upToDate = (of: Page = page) =>
    sentence(of).getByText('the next tab opens from an up-to-date snapshot').waitFor()
  const bootOfNextTab = async (): Promise<Boot> => {
    const { page: next } = await browser.open(`${server.url}departures/`)
    const asked = await boot(next)
    await next.close()
    return asked
  }
  let few: Boot | undefined

  it('has every airport and route before the first flight', async () => {
    await page.getByText('229 airports and 3,399 routes are ready').waitFor()
    expect(await page.locator('.numbers, .boot, .time').count()).toBe(0)
  })

  it('records ten thousand flights and shows them', async () => {
    await record('10,000')
    expect(await note()).toMatch(/^10,000 flights recorded/)
    await shows(10_000)
    expect(await number(page, 'airports')).toBe(220)
    expect(await number(page, 'routes')).toBe(2909)
    expect(await page.locator('.dot').count()).toBeGreaterThan(200)
    await page.locator('.routes tbody tr').nth(9).waitFor()
    await atSequence(page, 10_001)
    await upToDate()
    few = await bootOfNextTab()
  })

  it('keeps recorded flights when it is cancelled, and continues from there without a main-thread task over 100 ms', async () => {
    await record('1,000,000')
    await page.locator('.run [data-fact="rate"]', { hasText: 'per second' }).waitFor()
    const stopped = await cancel()
    expect(stopped).toBeGreaterThan(10_000)
    await atSequence(page, stopped + 1)
    const longest = await longestTask(page, async () => {
      await record('1,000,000')
      await reaches(Math.max(ENOUGH, stopped + 10_000))
      flights = await cancel()
      await atSequence(page, flights + 1)
      await upToDate()
    })
    expect(flights).toBeGreaterThan(stopped)
    expect(longest).toBeLessThanOrEqual(100)
  })

  it('opens the next tab from a snapshot, says so, and sends no more requests to IndexedDB than after ten thousand', async () => {
    await upToDate()
    const many = await bootOfNextTab()
    expectAlike(few!, many)
    await page.reload()
    await page.getByText('It opened from the snapshot').waitFor()
    expect(await number(page, 'snapshot')).toBe(flights + 1)
    expect(await number(page, 'flights')).toBe(flights)
  })

  it('shows numbers and map at any flight of the past, without a long task', async () => {
    await page.getByRole('button', { name: 'Look back' }).click()
    await page.locator(`[data-sequence="${flights + 1}"]`).waitFor()
    const slider = page.getByRole('slider', { name: 'Point in the log' })
    await slider.fill('10001')
    await page.locator('[data-sequence="10001"]').waitFor()
    expect(await number(page, 'flights')).toBe(10_000)
    expect(await number(page, 'routes')).toBe(2909)
    await slider.press('ArrowLeft')
    await page.locator('[data-sequence="10000"]').waitFor()
    expect(await number(page, 'flights')).toBe(9999)
    const half = flights >> 1
    const dragged = await longestTask(page, async () => {
      for (let i = 0; i < 40; i++) await slider.fill(String(Math.round((flights + 1) * Math.abs(Math.sin(i / 5)))))
      await slider.fill(String(half + 1))
      await page.locator(`[data-sequence="${half + 1}"]`).waitFor()
    })
    expect(dragged).toBeLessThanOrEqual(100)
    expect(await number(page, 'flights')).toBe(half)
    await page.getByRole('button', { name: 'Back to now' }).click()
    await shows(flights)
  })

  it('shows one airport when it is chosen', async () => {
    await page.getByRole('combobox', { name: 'Airport' }).selectOption({ label: 'Seattle, WA (SEA)' })
    await page.getByRole('heading', { name: 'From Seattle, WA' }).waitFor()
    expect(await text(page.locator('.routes tbody th').first())).toMatch(/^SEA →/)
    await page.getByRole('combobox', { name: 'Airport' }).selectOption('')
  })

  it('is live in a second tab', async () => {
    const opened = browser.context.waitForEvent('page')
    await page.getByRole('link', { name: 'Open a second tab' }).click()
    const second = await opened
    await shows(flights, second)
    await record('1,000,000', second)
    await reaches(flights + 1)
    const stopped = await cancel(second)
    expect(stopped).toBeGreaterThan(flights)
    for (const one of [page, second]) await atSequence(one, stopped + 1)
    await second.close()
  })

  it('continues to record when its worker is stopped, and reports the state of the worker', async () => {
    await page.getByRole('button', { name: 'Stop the worker' }).click()
    await page.getByText(/^Stopped. Keep recording/).waitFor()
    const before = await number(page, 'flights')
    await record('1,000,000')
    await reaches(before + 5001)
    await cancel()
    await page.getByText(/a new one has taken over|this tab keeps the snapshot itself/).waitFor()
    await sentence(page)
      .getByText(/up-to-date snapshot|keeps the snapshot itself/)
      .waitFor()
    await page.reload()
    await page.locator('.boot').waitFor()
    await upToDate()
  })

  it('rebuilds the snapshot with progress, to the same numbers', async () => {
    const before = await text(page.locator('.numbers'))
    await page.getByRole('button', { name: 'Rebuild the snapshot' }).click()
    await page.getByLabel('Rebuilding').waitFor()
    await page.getByText(/events folded in/).waitFor()
    expect(await text(page.locator('.numbers'))).toBe(before)
    await page.reload()
    await page.getByText('It opened from the snapshot').waitFor()
    expect(await text(page.locator('.numbers'))).toBe(before)
  })

  it('restores the log when its database is deleted while the page is open', async () => {
    const before = await text(page.locator('.numbers'))
    const sequence = await text(fact(page, 'sequence'))
    await fact(page, 'second copy').getByText('on', { exact: true }).waitFor()
    await page.getByRole('button', { name: 'Delete the database' }).click()
    await sentence(page).getByText(`it was restored up to event ${sequence}`).waitFor()
    expect(await text(page.locator('.numbers'))).toBe(before)
    await record('1,000,000')
    await page.locator('.run [data-fact="rate"]', { hasText: 'per second' }).waitFor()
    await cancel()
    await page.reload()
    await page.locator('.boot').waitFor()
    await upToDate()
  })

  it('measures snapshot against replay in this browser, and leaves no database behind', async () => {
    await page.getByRole('button', { name: 'Measure', exact: true }).click()
    const rows = page.locator('.comparison tbody tr')
    // The third of its five sizes, or the last one.
    const size = sized(2, 4)
    const last = rows.nth(size)
    await last.waitFor({ timeout: 180_000 })
    if (size < 4) await page.locator('.comparison').getByRole('button', { name: 'Cancel' }).click()
    await page.getByRole('button', { name: 'Measure again' }).waitFor()
    const [events, replay, snapshot] = (await last.locator('th, td').allInnerTexts()).map((text) =>
      Number(text.replace(/[^\d.]/g, '')),
    )
    expect(events).toBe(sized(20_000, 100_000))
    expect(replay).toBeGreaterThan(snapshot!)
    const names = () => indexedDB.databases().then((all) => all.map(({ name }) => name))
    await tab.waitFor(() => indexedDB.databases().then((all) => !all.some(({ name }) => /comparison/.test(name ?? ''))))
    expect(await tab.evaluate(names)).toContain('tidemark:departures')
  })

  it('logs no console message meanwhile', () => {
    expect(complaints(tab)).toEqual([])
  })
})

/** Marks a point of the trace with a name, in a task of the page's main thread. */
const mark = (page: Page, name: string): Promise<void> =>
  page.evaluate(
    (name) =>
      new Promise((resolve) =>
        setTimeout(() => {
          performance.mark(name)
          resolve()
        }),
      ),
    name,
  )

/**
 * The longest task of any page's main thread during `run`, in milliseconds of that thread's own processor time. Time in which other
 * programs use the processor does not count.
 */
async function longestTask(page: Page, run: () => Promise<void>): Promise<number> {
  const session = await page.context().newCDPSession(page)
  const mainThreads = new Set<string>()
  const tasks: { thread: string; ms: number; from: string; began: number; ended: number }[] = []
  const marks = new Map<string, { thread: string; at: number }>()
  session.on('Tracing.dataCollected', ({ value }) => {
    for (const { ph, name, pid, tid, ts, dur = 0, tdur = 0, args } of value as unknown as TraceEvent[]) {
      const thread = `${pid} ${tid}`
      if (/^trace (begins|ends)$/.test(name)) marks.set(name, { thread, at: ts })
      if (name === 'thread_name' && args?.name === 'CrRendererMain') mainThreads.add(thread)
      const from = `${args?.src_file}`
      // V8 decides when it collects garbage in a task of its own.
      if (ph === 'X' && name.endsWith('RunTask') && !from.startsWith('v8/src/heap/'))
        tasks.push({ thread, ms: tdur / 1000, from, began: ts, ended: ts + dur })
    }
  })
  const ended = new Promise((resolve) => session.once('Tracing.tracingComplete', resolve))
  await session.send('Tracing.start', {
    traceConfig: {
      recordMode: 'recordAsMuchAsPossible',
      includedCategories: ['toplevel', 'blink.user_timing'],
      excludedCategories: ['*'],
    },
  })
  await mark(page, 'trace begins')
  await run()
  await mark(page, 'trace ends')
  await session.send('Tracing.end')
  await ended
  const ofPages = tasks.filter(({ thread }) => mainThreads.has(thread)).sort((a, b) => b.ms - a.ms)
  // The trace is complete: it has the marks of this page's main thread at both ends.
  for (const name of ['trace begins', 'trace ends']) {
    const { thread, at } = marks.get(name) ?? {}
    const around = ofPages.filter((task) => task.thread === thread && task.began <= at! && at! <= task.ended)
    expect(around, name).not.toEqual([])
  }
  const [longest] = ofPages
  console.log(`longest main-thread task: ${longest?.ms.toFixed(0)} ms, from ${longest?.from}`)
  return longest?.ms ?? 0
}

interface TraceEvent {
  readonly ph: string
  readonly name: string
  readonly pid: number
  readonly tid: number
  /** In microseconds. `tdur` is the thread's own processor time. */
  readonly ts: number
  readonly dur?: number
  readonly tdur?: number
  readonly args?: { readonly name?: string; readonly src_file?: string }
}

/** The requests of a page to IndexedDB until it has opened from its snapshot, and the records that it got. The log's records are counted apart. */
interface Boot {
  readonly requests: number
  readonly records: number
  readonly history: number
}

function expectAlike(few: Boot, many: Boot): void {
  for (const { history } of [few, many]) expect(history).toBe(0)
  // A tenth more routes are flown.
  expect(many.records).toBeLessThanOrEqual(1.2 * few.records)
  expect(many.requests).toBe(few.requests)
}

async function boot(page: Page): Promise<Boot> {
  await page.addInitScript(() => {
    const asked: { at: number; store: string; records: number }[] = []
    Object.assign(window, { asked })
    for (const method of ['get', 'getKey', 'getAll', 'getAllKeys', 'openCursor', 'openKeyCursor'] as const) {
      const native = IDBObjectStore.prototype[method] as (...given: unknown[]) => IDBRequest
      IDBObjectStore.prototype[method] = function (this: IDBObjectStore, ...given: unknown[]) {
        const request = native.apply(this, given)
        const one = { at: performance.now(), store: this.name, records: 0 }
        asked.push(one)
        request.addEventListener('success', () => {
          // A key cursor reads no record. It tells where the log ends.
          if (method === 'openKeyCursor') return
          one.records += Array.isArray(request.result) ? request.result.length : Number(request.result != null)
        })
        return request
      } as never
    }
  })
  await page.reload()
  await page.getByText('It opened from the snapshot').waitFor()
  return page.evaluate(() => {
    const { startTime, duration } = performance.getEntriesByName('boot')[0]!
    const { asked } = window as unknown as { asked: { at: number; store: string; records: number }[] }
    const before = asked.filter(({ at }) => at <= startTime + duration)
    const sum = (of: typeof asked) => of.reduce((total, { records }) => total + records, 0)
    const isHistory = ({ store }: { store: string }) => ['commits', 'segments', 'bodies'].includes(store)
    return {
      requests: before.length,
      records: sum(before.filter((one) => !isHistory(one))),
      history: sum(before.filter(isHistory)),
    }
  })
}

// The page is made for `TIDEMARK_FLIGHTS=1,000,000`. The tests above record far fewer.
const flights = process.env.TIDEMARK_FLIGHTS

function manyFlights(flights: string): void {
  it('records them without a main-thread task over 100 ms, and opens the next tab with no more requests than after ten thousand', async () => {
    const browser = await chromium()
    // Another port is another origin: two logs in one browser, opened in turn.
    const another = await serve(buildDemo(), { headers })
    const small = (await browser.open(`${server.url}departures/`)).page
    const large = (await browser.open(`${another.url}departures/`)).page
    const recordTo = async (page: Page, flights: string): Promise<void> => {
      await page.getByText('3,399 routes are ready').waitFor()
      await page.getByRole('button', { name: `record the first ${flights} flights` }).click()
      await page.locator('.recorder .note', { hasText: 'flights recorded' }).waitFor({ timeout: 300_000 })
      await sentence(page).getByText('the next tab opens from an up-to-date snapshot').waitFor({ timeout: 60_000 })
    }
    await recordTo(small, '10,000')
    expect(await longestTask(large, () => recordTo(large, flights))).toBeLessThanOrEqual(100)

    expectAlike(await boot(small), await boot(large))
    await browser.close()
    await another.close()
  }, 500_000)
}

if (flights && has('chromium')) describe(`Departures with ${flights} flights`, () => manyFlights(flights))
