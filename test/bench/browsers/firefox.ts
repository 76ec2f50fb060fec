import puppeteer from 'puppeteer-core'
import { type Engine, find } from './browser.ts'

export const firefox: Engine = {
  name: 'firefox',
  keepsProfile: true,
  async launch(profile) {
    const browser = await puppeteer.launch({
      browser: 'firefox',
      executablePath: find('FIREFOX', 'firefox-esr', 'firefox'),
      headless: true,
      userDataDir: profile,
      protocolTimeout: 600_000,
    })
    return {
      version: (await browser.version()).replace('/', ' '),
      async open(url) {
        const page = await browser.newPage()
        await page.goto(url)
        return {
          run: (expression) => page.evaluate(expression) as Promise<any>,
          close: () => page.close(),
        }
      },
      close: () => browser.close(),
    }
  },
}
