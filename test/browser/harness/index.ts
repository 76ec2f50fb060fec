import type { Browser } from './browser.ts'
import { advice, type Engine, findBrowsers } from './find.mjs'
import { launchPlaywright, type PlaywrightBrowser, type PlaywrightOptions } from './playwright.ts'
import { launchPuppeteer, type PuppeteerBrowser, type PuppeteerOptions } from './puppeteer.ts'
import { launchWebKit } from './webkit.ts'

export type { Browser, Tab } from './browser.ts'
export { buildDemo, buildPages } from './build.ts'
export { type Engine, engines } from './find.mjs'
export { heapOf } from './heap.ts'
export type { PlaywrightBrowser, PlaywrightTab } from './playwright.ts'
export type { PuppeteerBrowser, PuppeteerTab } from './puppeteer.ts'
export { type Answer, type Server, serve } from './serve.ts'

const found = findBrowsers()

/** For `it.skipIf(!has('webkit'))`. CI skips nothing: the launch fails and says what is missing. */
export const has = (engine: Engine) => process.env.CI === 'true' || found[engine] !== undefined

const need = (engine: Engine) => {
  const browser = found[engine]
  if (!browser) throw new Error(`no ${engine} on this machine: ${advice[engine]}`)
  return browser
}

/** Any engine behind the same few methods, on a fresh profile. */
export const launch = async (engine: Engine): Promise<Browser> => {
  const browser = need(engine)
  if (browser.by === 'inspector') return launchWebKit(browser)
  if (browser.by === 'bidi') return launchPuppeteer('firefox', browser.path)
  return launchPlaywright(engine, browser.path)
}

/** Chromium with all of Playwright: `context`, each tab's `page`, `crash()`. Pages never become hidden here. */
export const chromium = (options?: PlaywrightOptions): Promise<PlaywrightBrowser> =>
  launchPlaywright('chromium', need('chromium').path, options)

/** Chromium by Puppeteer, where a tab in the background is really hidden: for freezes and the back/forward cache. */
export const puppeteerChromium = (options?: PuppeteerOptions): Promise<PuppeteerBrowser> =>
  launchPuppeteer('chromium', need('chromium').path, options)
