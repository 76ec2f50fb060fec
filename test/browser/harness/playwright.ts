import { readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { type BrowserContext, type BrowserType, chromium, firefox, type Page, webkit } from 'playwright-core'
import { type Browser, expression, freshProfile, outcome, remember, type Tab, waitInTab } from './browser.ts'
import type { Engine } from './find.mjs'

export interface PlaywrightTab extends Tab {
  readonly page: Page
}
export interface PlaywrightBrowser extends Browser {
  /** The context of the running process. Changes with `restart`. */
  readonly context: BrowserContext
  readonly profile: string
  open(url: string): Promise<PlaywrightTab>
  /** Kills the process (`kill -9`), then starts another on the same profile. Chromium only. */
  crash(between?: () => void): Promise<void>
}
export interface PlaywrightOptions {
  readonly args?: readonly string[]
  readonly headless?: boolean
  readonly viewport?: { readonly width: number; readonly height: number }
  /** Playwright's own options for the context, such as `hasTouch` or `userAgent`. */
  readonly context?: Parameters<BrowserType['launchPersistentContext']>[1]
}

export const chromiumFlags = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

const tabOf = (page: Page): PlaywrightTab => {
  const log: string[] = []
  page.on('console', (message) => log.push(`${message.type()}: ${message.text()}`))
  page.on('pageerror', (error) => log.push(`uncaught: ${error.stack ?? error.message}`))
  const tab: PlaywrightTab = {
    page,
    log,
    async goto(url) {
      await page.goto(url)
    },
    async reload() {
      await page.reload()
    },
    evaluate: async (run, ...args) => outcome(await page.evaluate(expression(run, args))),
    waitFor: (run, ...args) => waitInTab(tab, run, args),
    close: () => page.close(),
  }
  return tab
}

/** A browser on a fresh profile, driven by Playwright. */
export const launchPlaywright = async (
  engine: Engine,
  executablePath: string,
  options: PlaywrightOptions = {},
): Promise<PlaywrightBrowser> => {
  const { folder, remove } = freshProfile(engine)
  const launch = async () => {
    const context = await { chromium, firefox, webkit }[engine].launchPersistentContext(folder, {
      executablePath,
      headless: options.headless ?? true,
      args: [...(engine === 'chromium' ? chromiumFlags : []), ...(options.args ?? [])],
      ...(options.viewport && { viewport: options.viewport }),
      ...options.context,
    })
    context.setDefaultTimeout(60_000)
    return context
  }
  let context = await launch()
  return {
    engine,
    profile: folder,
    get context() {
      return context
    },
    async open(url) {
      const tab = remember(tabOf(await context.newPage()))
      await tab.goto(url)
      return tab
    },
    async restart(between) {
      await context.close()
      between?.()
      context = await launch()
    },
    async crash(between) {
      // Chromium's lock names the process that holds the profile: <host>-<pid>.
      const pid = Number(readlinkSync(join(folder, 'SingletonLock')).split('-').pop())
      const closed = new Promise((resolve) => context.once('close', resolve))
      // Playwright starts it as the leader of a process group, so renderers and the storage process end with it, and no process cleans up.
      process.kill(process.platform === 'win32' ? pid : -pid, 'SIGKILL')
      await closed
      between?.()
      context = await launch()
    },
    async close() {
      await context.close()
      remove()
    },
  }
}
