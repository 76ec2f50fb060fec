import { type ConsoleMessage, type Page, chromium as playwright } from 'playwright-core'
import { type Engine, find } from './browser.ts'

const root = process.getuid?.() === 0
const isBooted = (message: ConsoleMessage): boolean => message.text() === 'booted'

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
        const boots = new URL(url).searchParams.has('boot')
        const booted = boots && page.waitForEvent('console', { predicate: isBooted, timeout: 0 })
        await page.goto(url)
        // The first evaluation takes 10 to 20 ms of the page's thread. Before the end of a boot, it would delay only the slower boots.
        await booted
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
      async traced(run) {
        const [page] = context.pages()
        const session = await context.newCDPSession(page as Page)
        const mains = new Set<string>()
        // `tdur` is processor time. Wall time would include other processes on the same cores.
        const tasks: { thread: string; ms: number }[] = []
        session.on('Tracing.dataCollected', ({ value }) => {
          for (const { ph, name, pid, tid, tdur = 0, args } of value as unknown as TraceEvent[]) {
            if (name === 'thread_name' && args?.name === 'CrRendererMain') mains.add(`${pid} ${tid}`)
            // Tasks of the garbage collector do not count: the browser chooses their moments.
            if (ph === 'X' && name.endsWith('RunTask') && !`${args?.src_file}`.startsWith('v8/src/heap/'))
              tasks.push({ thread: `${pid} ${tid}`, ms: tdur / 1000 })
          }
        })
        const ended = new Promise((resolve) => session.once('Tracing.tracingComplete', resolve))
        await session.send('Tracing.start', {
          traceConfig: {
            recordMode: 'recordAsMuchAsPossible',
            includedCategories: ['toplevel'],
            excludedCategories: ['*'],
          },
        })
        const value = await run()
        await session.send('Tracing.end')
        await ended
        await session.detach()
        const found = tasks.flatMap(({ thread, ms }) => (mains.has(thread) ? ms : []))
        if (!found.length) throw new Error('the trace holds no tasks of pages')
        return { value, longest: found.reduce((a, b) => Math.max(a, b)) }
      },
      close: () => context.close(),
    }
  },
}

interface TraceEvent {
  readonly ph: string
  readonly name: string
  readonly pid: number
  readonly tid: number
  readonly tdur?: number
  readonly args?: { readonly name?: string; readonly src_file?: string }
}
