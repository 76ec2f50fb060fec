// What the devtools cost: node test/bench/panel.mjs [--events 1000000] [--turns 20] [--profile FILE]
// The production build of test/browser/pages/devtools in Chromium, without a panel and with an open one in turns.
import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { chromium } from 'playwright-core'
import { build, loadConfigFromFile, preview } from 'vite'

const { values } = parseArgs({
  options: {
    events: { type: 'string', default: '1000000' },
    turns: { type: 'string', default: '20' },
    profile: { type: 'string' },
  },
})
const events = Number(values.events)
const turns = Number(values.turns)
/** Dispatches of one turn. They take more than two seconds, because the open panel reads the engine every two seconds. */
const DISPATCHES = 2000
/** Scrolls over the whole log. Several, because the garbage of one scroll is collected in a later one. */
const SCROLLS = 5
/** Resamples of the pairs for a confidence interval. */
const RESAMPLES = 4000
/** Microseconds between two samples of a profile. */
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

/**
 * The longest task of the page's thread while `run` runs, in milliseconds, and its longest parts.
 * @param {import('playwright-core').CDPSession} cdp @param {() => Promise<unknown>} run
 */
async function longestTask(cdp, run) {
  /** @type {any[]} */
  const found = []
  const collect = (/** @type {{ value: any[] }} */ { value }) => found.push(...value)
  cdp.on('Tracing.dataCollected', collect)
  const over = new Promise((resolve) => cdp.once('Tracing.tracingComplete', resolve))
  const includedCategories = [
    'toplevel',
    'devtools.timeline',
    'disabled-by-default-devtools.timeline',
    'v8',
    '__metadata',
  ]
  await cdp.send('Tracing.start', { traceConfig: { includedCategories } })
  await run()
  await cdp.send('Tracing.end')
  await over
  cdp.off('Tracing.dataCollected', collect)
  const mains = found.filter(({ name, args }) => name === 'thread_name' && args.name === 'CrRendererMain')
  const ours = found.filter(({ pid, tid }) => mains.some((main) => main.pid === pid && main.tid === tid))
  // A task of a scheduler runs inside a task of the thread, so only tasks of the thread count.
  const tasks = ours
    .filter(({ name }) => name === 'ThreadControllerImpl::RunTask')
    .sort((a, b) => (b.dur ?? 0) - (a.dur ?? 0))
  const [longest] = tasks
  const worked = Math.max(0, ...tasks.map(({ tdur = 0 }) => tdur / 1000))
  const inside = ours.filter(
    (one) => one.dur && one !== longest && one.ts >= longest.ts && one.ts + one.dur <= longest.ts + longest.dur,
  )
  const parts = inside
    .sort((a, b) => b.dur - a.dur)
    .slice(0, 6)
    .map(
      ({ name, dur, args }) =>
        `${name} ${args?.data?.functionName ?? args?.data?.type ?? ''} ${(dur / 1000).toFixed(1)}`,
    )
  return {
    ms: (longest?.dur ?? 0) / 1000,
    worked,
    parts,
    over: tasks.filter(({ dur = 0 }) => dur > 50_000).length,
    workedOver: tasks.filter(({ tdur = 0 }) => tdur > 50_000).length,
  }
}

/** Milliseconds of processor time that the page's thread has used. Other processes do not count. @param {import('playwright-core').CDPSession} cdp */
async function threadTime(cdp) {
  const { metrics } = await cdp.send('Performance.getMetrics')
  return (metrics.find(({ name }) => name === 'ThreadTime')?.value ?? Number.NaN) * 1000
}

const median = (/** @type {readonly number[]} */ all) => [...all].sort((a, b) => a - b)[all.length >> 1] ?? 0
const ms = (/** @type {number} */ n) => `${n.toFixed(n < 10 ? 2 : 0)} ms`

const server = await buildPage()
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu'],
})
const page = await browser.newPage({ viewport: { width: 1280, height: 900 } })
page.on('pageerror', (error) => console.log(error.stack))
const cdp = await page.context().newCDPSession(page)
await page.goto(`${server.resolvedUrls?.local[0]}devtools/index.html`)
await page.waitForFunction(() => document.title === 'ready')
/** Calls a function that the panel's page exposes. @param {string} name @param {unknown[]} given @returns {Promise<any>} */
const call = (name, ...given) =>
  page.evaluate(
    ([name, given]) => Reflect.get(globalThis, 'page')[name](...given),
    /** @type {const} */ ([name, given]),
  )
await call('open', 'panel')
// 50 events of each row.
await call('fill', events, events / 50)
if (values.profile) {
  await cdp.send('Profiler.enable')
  await cdp.send('Profiler.setSamplingInterval', { interval: SAMPLE_US })
  await cdp.send('Profiler.start')
}
console.log(`| ${events.toLocaleString('en')} events, ${turns} pairs of turns of ${DISPATCHES} dispatches | measured | goal |
| --- | --- | --- |`)
const opened = await call('timeOpening')
console.log(`| opening, until rows are seen | ${ms(opened)} | < 500 ms |`)
/** @type {Awaited<ReturnType<typeof longestTask>>[]} */
const scrolls = []
for (let i = 0; i < SCROLLS; i++) {
  await call('timeFinding', '', `${events.toLocaleString('en')} events`)
  scrolls.push(await longestTask(cdp, () => call('scroll')))
}
const longest = scrolls.reduce((most, one) => (one.ms > most.ms ? one : most))
const count = (/** @type {(one: typeof longest) => number} */ of) => scrolls.reduce((sum, one) => sum + of(one), 0)
console.log(
  `| longest task of ${SCROLLS} scrolls | ${ms(longest.ms)}, ${count((one) => one.over)} over 50 ms; on a processor ${ms(Math.max(...scrolls.map((one) => one.worked)))}, ${count((one) => one.workedOver)} over 50 ms | < 50 ms |`,
)
if (longest.over) console.error(`The longest task: ${longest.parts.join(', ')}`)
const found = await call('timeFinding', 'row:items/i77', '50 found')
console.log(`| the events of one row | ${ms(found)} | < 200 ms |`)
await call('timeFinding', '', `${events.toLocaleString('en')} events`)
await cdp.send('Performance.enable')
const turnsOfPair = /** @type {const} */ (['without', 'open'])
/** @type {Record<'without' | 'open', { wall: number, cpu: number }[]>} */
const all = { without: [], open: [] }
for (let i = 0; i < turns; i++)
  // The order changes with each pair, so that each kind of turn is first equally often.
  for (const how of i % 2 ? turnsOfPair : [...turnsOfPair].reverse()) {
    await call('setOpen', how === 'open')
    // A turn must not pay for the garbage of the turn before.
    await cdp.send('HeapProfiler.collectGarbage')
    const before = await threadTime(cdp)
    const wall = await call('timeDispatches', DISPATCHES)
    all[how].push({ wall, cpu: ((await threadTime(cdp)) - before) / DISPATCHES })
  }
if (values.profile) writeFileSync(values.profile, JSON.stringify((await cdp.send('Profiler.stop')).profile))
/**
 * The median ratio of the pairs, and the interval that holds it in 95 of 100 resamples.
 * @param {readonly number[]} ratios
 */
function confidence(ratios) {
  const resampled = Array.from({ length: RESAMPLES }, () =>
    median(ratios.map(() => ratios[Math.floor(Math.random() * ratios.length)] ?? 1)),
  ).sort((a, b) => a - b)
  const at = (/** @type {number} */ part) => (resampled[Math.floor(part * RESAMPLES)] ?? 1).toFixed(3)
  return `${median(ratios).toFixed(3)} (95 %: ${at(0.025)} to ${at(0.975)})`
}
/** @param {'wall' | 'cpu'} of @param {string} title */
const lineOf = (of, title) => {
  const without = all.without.map((one) => one[of])
  const open = all.open.map((one) => one[of])
  const ratios = without.map((one, i) => (open[i] ?? Number.NaN) / one)
  return `| ${title} | ${ms(median(without))} without, ${ms(median(open))} open, median of the ratios ${confidence(ratios)} | ≤ 1.05 |`
}
console.log(lineOf('wall', 'a dispatch until it is durable'))
console.log(lineOf('cpu', "the page's thread for a dispatch"))
await browser.close()
await server.close()
