import { chromium as playwright } from 'playwright-core'
import { type Engine, find } from './browser.ts'

const root = process.getuid?.() === 0

export const chromium: Engine = {
  name: 'chromium',
  keepsProfile: true,
  async launch(profile) {
    const context = await playwright.launchPersistentContext(profile, {
      executablePath: find('CHROMIUM', 'chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'),
      headless: true,
      chromiumSandbox: !root,
      args: [
        '--disable-gpu',
        '--disable-quic',
        '--no-first-run',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
      ],
    })
    return {
      version: `Chromium ${context.browser()?.version()}`,
      async open(url) {
        const page = await context.newPage()
        page.on('pageerror', (error) => console.error(`  ${url}: ${error}`))
        await page.goto(url)
        return {
          run: (expression) => page.evaluate(expression),
          close: () => page.close(),
          async heap() {
            const session = await context.newCDPSession(page)
            await session.send('HeapProfiler.collectGarbage')
            const { usedSize } = await session.send('Runtime.getHeapUsage')
            await session.detach()
            return usedSize
          },
        }
      },
      close: () => context.close(),
    }
  },
}
