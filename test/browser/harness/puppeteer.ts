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
  return {
    engine,
    profile: folder,
    get process() {
      return process
    },
    async open(url) {
      // Gives each tab of Firefox its own window, because Firefox slows down the timers of background tabs.
      const page = await process.newPage(chromium ? { type: 'tab' } : { type: 'window' })
      page.setDefaultTimeout(60_000)
      const tab = remember(tabOf(page))
      await tab.goto(url)
      return tab
    },
    async restart(between) {
      await process.close()
      between?.()
      process = await launch()
    },
    async close() {
      await process.close()
      remove()
    },
  }
}
