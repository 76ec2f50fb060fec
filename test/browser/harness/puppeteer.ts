import puppeteer, { type Page, type Browser as PuppeteerProcess } from 'puppeteer-core'
import { type Browser, expression, freshProfile, outcome, remember, type Tab, waitInTab } from './browser.ts'
import { chromiumFlags } from './playwright.ts'

export interface PuppeteerTab extends Tab {
  readonly page: Page
}
export interface PuppeteerBrowser extends Browser {
  /** The running process. Changes with `restart`. */
  readonly process: PuppeteerProcess
  readonly profile: string
  open(url: string): Promise<PuppeteerTab>
}
export interface PuppeteerOptions {
  readonly args?: readonly string[]
}

const tabOf = (page: Page): PuppeteerTab => {
  const log: string[] = []
  page.on('console', (message) => log.push(`${message.type()}: ${message.text()}`))
  page.on('pageerror', (error) =>
    log.push(`uncaught: ${error instanceof Error ? (error.stack ?? error.message) : error}`),
  )
  const tab: PuppeteerTab = {
    page,
    log,
    async goto(url) {
      await page.goto(url)
    },
    async reload() {
      await page.reload()
    },
    evaluate: async (run, ...args) => outcome((await page.evaluate(expression(run, args))) as string),
    waitFor: (run, ...args) => waitInTab(tab, run, args),
    close: () => page.close(),
  }
  return tab
}

/** A new tab in the foreground of the window of another one. Puppeteer itself opens tabs only in the window that was used last. */
const openBeside = async (page: Page): Promise<Page> => {
  // Not in its types: what its `newPage` calls, too.
  const { userContext } = page.browserContext() as any
  const { browsingContext } = page.mainFrame() as any
  const { id } = await userContext.createBrowsingContext('tab', {
    referenceContext: browsingContext,
    background: false,
  })
  const pages = await page.browserContext().pages()
  return pages.find((one) => (one.mainFrame() as any).browsingContext.id === id)!
}

/** A browser on a fresh profile, driven by Puppeteer: stock Firefox by WebDriver BiDi, Chromium where a page must really be hidden. */
export const launchPuppeteer = async (
  engine: 'chromium' | 'firefox',
  executablePath: string,
  options: PuppeteerOptions = {},
): Promise<PuppeteerBrowser> => {
  const { folder, remove } = freshProfile(engine)
  const chromium = engine === 'chromium'
  const launch = () =>
    puppeteer.launch({
      browser: chromium ? 'chrome' : 'firefox',
      executablePath,
      headless: true,
      userDataDir: folder,
      args: [...(chromium ? chromiumFlags : []), ...(options.args ?? [])],
      protocolTimeout: 240_000,
      defaultViewport: null,
    })
  let process = await launch()
  /** Pages that keep a window of Firefox open, each in its own window, which has no other tab. */
  let windows: Page[] = []
  return {
    engine,
    profile: folder,
    get process() {
      return process
    },
    async open(url) {
      let page: Page
      if (chromium) page = await process.newPage({ type: 'tab' })
      else {
        // Each tab of Firefox is alone in a window, because Firefox slows down the timers of background tabs. A window costs much more
        // than a tab, so the next tab gets the window of one that was closed.
        const keeper = windows.pop() ?? (await process.newPage({ type: 'window' }))
        page = await openBeside(keeper)
        const own = process
        page.once('close', () => own === process && windows.push(keeper))
      }
      page.setDefaultTimeout(60_000)
      const tab = remember(tabOf(page))
      await tab.goto(url)
      return tab
    },
    async restart(between) {
      await process.close()
      windows = []
      between?.()
      process = await launch()
    },
    async close() {
      await process.close()
      remove()
    },
  }
}
