// What the devtools cost: flock /tmp/heavy.lock node test/bench/panel.mjs [--events 1000000] [--turns 40] [--profile FILE]
// The production build of test/browser/pages/devtools in Chromium, with the panel closed and open in turns.
import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { chromium } from 'playwright-core'
import { build, loadConfigFromFile, preview } from 'vite'

const { values } = parseArgs({
  options: {
    events: { type: 'string', default: '1000000' },
    turns: { type: 'string', default: '40' },
    profile: { type: 'string' },
  },
})
const events = Number(values.events)
const turns = Number(values.turns)
/** Dispatches of one turn. */
const DISPATCHES = 100
/** Milliseconds between two samples of a profile. */
const SAMPLE_US = 200

const root = fileURLToPath(new URL('../..', import.meta.url))
process.chdir(root)

async function buildPage() {
  const loaded = await loadConfigFromFile({ command: 'build', mode: 'pages' }, `${root}vite.config.ts`)
  const config = {
    ...loaded?.config,
    configFile: /** @type {const} */ (false),
    mode: 'pages',
    logLevel: /** @type {const} */ ('warn'),
  }
  config.build = {
    ...config.build,
    outDir: `${root}build/panel`,
    minify: !values.profile,
    rolldownOptions: { input: [`${root}test/browser/pages/devtools/index.html`] },
  }
  await build(config)
  return preview({ root, configFile: false, logLevel: 'warn', build: { outDir: 'build/panel' }, preview: { port: 0 } })
}

/** The longest task of the page's thread while `run` runs, in milliseconds. @param {import('playwright-core').CDPSession} cdp @param {() => Promise<unknown>} run */
async function longestTask(cdp, run) {
  /** @type {any[]} */
  const found = []
  cdp.on('Tracing.dataCollected', ({ value }) => found.push(...value))
  const over = new Promise((resolve) => cdp.once('Tracing.tracingComplete', resolve))
  await cdp.send('Tracing.start', {
    traceConfig: {
      includedCategories: ['toplevel', 'disabled-by-default-devtools.timeline', 'devtools.timeline', '__metadata'],
    },
  })
  await run()
  await cdp.send('Tracing.end')
  await over
  const mains = found.filter(({ name, args }) => name === 'thread_name' && args.name === 'CrRendererMain')
  const tasks = found.filter(
    ({ name, pid, tid }) => name.endsWith('RunTask') && mains.some((main) => main.pid === pid && main.tid === tid),
  )
  return Math.max(0, ...tasks.map(({ dur = 0 }) => dur / 1000))
}

const median = (/** @type {number[]} */ all) => [...all].sort((a, b) => a - b)[all.length >> 1] ?? 0
const ms = (/** @type {number} */ n) => `${n.toFixed(n < 10 ? 2 : 0)} ms`

const server = await buildPage()
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu'],
})
const page = await browser.newPage({ viewport: { width: 1280, height: 900 } })
page.on('console', (message) => console.log(message.text()))
page.on('pageerror', (error) => console.log(error.stack))
const cdp = await page.context().newCDPSession(page)
await page.goto(`${server.resolvedUrls?.local[0]}devtools/index.html`)
await page.waitForFunction(() => document.title === 'ready')
await page.evaluate(
  // 50 events of each row.
  async (events) => {
    await globalThis.page.open('panel')
    await globalThis.page.fill(events, events / 50)
  },
  events,
)
if (values.profile) {
  await cdp.send('Profiler.enable')
  await cdp.send('Profiler.setSamplingInterval', { interval: SAMPLE_US })
  await cdp.send('Profiler.start')
}
const opened = await page.evaluate(() => globalThis.page.timeOpening())
const scrolled = await longestTask(cdp, () => page.evaluate(() => globalThis.page.scroll()))
const found = await page.evaluate(() => globalThis.page.timeFinding('row:items/i77', '50 found'))
await page.evaluate((text) => globalThis.page.timeFinding('', text), `${events.toLocaleString('en')} events`)
const pairs = await page.evaluate(
  ([turns, dispatches]) => globalThis.page.timeInTurns(turns, dispatches),
  [turns, DISPATCHES],
)
if (values.profile) writeFileSync(values.profile, JSON.stringify((await cdp.send('Profiler.stop')).profile))
const closed = median(pairs.map(({ closed }) => closed))
const open = median(pairs.map(({ open }) => open))
const ratio = median(pairs.map(({ closed, open }) => open / closed))
console.log(`| ${events.toLocaleString('en')} events | measured | goal |
| --- | --- | --- |
| opening, until rows are seen | ${ms(opened)} | < 500 ms |
| longest task while scrolling | ${ms(scrolled)} | < 50 ms |
| the events of one row | ${ms(found)} | < 200 ms |
| a dispatch, panel closed | ${ms(closed)} | |
| a dispatch, panel open | ${ms(open)} | |
| median of the ratios of ${turns} pairs of turns | ${ratio.toFixed(3)} | ≤ 1.05 |`)
await browser.close()
await server.close()
