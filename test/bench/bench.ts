import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import ora from 'ora'
import { chromium } from './browsers/chromium.ts'
import { buildPage, serve } from './build.ts'
import { bootFigure, flatFigure } from './figures/boot.ts'
import { enginesFigure } from './figures/engines.ts'
import { filesFigure } from './figures/files.ts'
import { bulkFigure, indexFigure, mainThreadFigure, storedFigure } from './figures/log.ts'
import { pastFigure } from './figures/past.ts'
import { threadsFigure, threadsPages } from './figures/threads.ts'
import { mirrorFigure, reactionsFigure } from './figures/turns.ts'
import { writesFigure } from './figures/writes.ts'
import { createSeries, type Series, summarize } from './measure.ts'
import { machine, versions } from './report/machine.ts'
import { markdown } from './report/markdown.ts'
import { merge } from './report/merge.ts'
import { plots } from './report/plots.ts'
import type { Result } from './report/result.ts'
import { boot, check, openProfiles, type Run, record, withBrowser } from './run.ts'
import { entries } from './subjects/index.ts'
import { nameOf, parseCell } from './workload.ts'

const figures: Record<string, (run: Run) => Promise<void>> = {
  boot: bootFigure,
  flat: flatFigure,
  writes: writesFigure,
  mirror: mirrorFigure,
  reactions: reactionsFigure,
  bulk: bulkFigure,
  index: indexFigure,
  stored: storedFigure,
  past: pastFigure,
  'main-thread': mainThreadFigure,
  engines: enginesFigure,
  files: filesFigure,
  threads: threadsFigure,
}

const { values: options } = parseArgs({
  options: {
    only: { type: 'string', default: entries.map(({ name }) => name).join() },
    figures: { type: 'string', default: Object.keys(figures).join() },
    cells: { type: 'string', default: '10kx1k,100kx5k,100kx50k' },
    rounds: { type: 'string', default: '7' },
    quick: { type: 'boolean', default: false },
    out: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
})
// `--only threads` means the figure of the demo Threads, for the floor and Tidemark.
if (options.only === 'threads') Object.assign(options, { only: 'floor,tidemark', figures: 'threads' })
if (options.help) {
  console.log(`npm run bench -- [options]
  --only floor,tidemark   subjects: ${entries.map(({ name }) => name).join(', ')}
  --only threads          the demo Threads with 2,000 threads: --figures threads of floor and Tidemark
  --figures boot,writes   figures: ${Object.keys(figures).join(', ')}
  --cells 10kx1k,…        events × rows, for boot and writes
  --rounds 7              rounds, each with every subject
  --quick                 smaller logs, fewer samples: for the daily loop
  --out DIR               where README.md, latest.json and the plots go, instead of test/bench and test/bench/results
The last results of other figures are kept. If a figure was measured for fewer subjects or cells than the last results have,
it is printed and not written: its ratios would compare two runs.`)
  process.exit()
}
const results = options.out ?? fileURLToPath(new URL('results', import.meta.url))
const page = options.out ? `${options.out}/README.md` : fileURLToPath(new URL('README.md', import.meta.url))

function chosen<T>(what: string, list: string, known: Record<string, T>): T[] {
  return list.split(',').map((name) => {
    if (!known[name]) throw new Error(`No ${what} '${name}'. There are ${Object.keys(known).join(', ')}`)
    return known[name]
  })
}

const started = Date.now()
const progress = ora({ stream: process.stderr })
const clock = () => `${((Date.now() - started) / 60_000).toFixed(1).padStart(5)} min`
const say = (text: string) => {
  const line = `${clock()}  ${text}`
  if (progress.isEnabled && !text.startsWith('!')) progress.start(line)
  else console.error(line)
}

const series = createSeries()
const profiles = await openProfiles()
const subjects = chosen('subject', options.only, Object.fromEntries(entries.map((entry) => [entry.name, entry])))
const pages = [
  ...subjects,
  { name: 'row-per-event', title: 'the yardstick of stored bytes' },
  ...(options.figures.split(',').includes('threads') ? threadsPages : []),
]
for (const { name, title } of pages) {
  say(`building ${title}`)
  await buildPage(name)
}
const server = await serve()
const seeds = new Map<string, Promise<string>>()

const run: Run = {
  subjects,
  rounds: Number(options.rounds),
  cells: options.cells.split(',').map(parseCell),
  quick: options.quick,
  add: series.add,
  say,
  url: server.url,
  chromium,
  profile: profiles.make,
  seeded(subject, cell, seed = {}) {
    const name = `${subject.name} ${nameOf(cell)} ${JSON.stringify(seed)}`
    let profile = seeds.get(name)
    if (!profile) seeds.set(name, (profile = make()))
    return profile
    async function make(): Promise<string> {
      say(`recording ${nameOf(cell)}, ${subject.title}`)
      const profile = await profiles.make()
      await withBrowser(
        chromium,
        profile,
        async (browser) => {
          const tab = await boot(run, browser, subject.name, seed)
          const ms = await record(tab, cell, 0, seed)
          const settled = await tab.run<number>('bench.settle()')
          if (!seed.wide && seed.perCommit === undefined)
            series.add('record', nameOf(cell), subject.name, 'ms', subject.name === 'floor' ? ms + settled : ms)
          await check(tab, subject.name, cell)
        },
        subject.seconds,
      )
      return profile
    }
  },
}

const kept: Result | undefined = await readFile(`${results}/latest.json`, 'utf8').then(JSON.parse, () => undefined)

/** The result of this run alone, or merged into the results that are kept. */
async function resultOf(all: readonly Series[], kept?: Result): Promise<Result> {
  const named = new Set([...subjects, ...(kept?.subjects ?? [])].map(({ name }) => name))
  const command = `npm run bench -- ${process.argv.slice(2).join(' ')}`.trim()
  return {
    date: new Date().toISOString(),
    minutes: Math.round((Date.now() - started) / 60_000) + (kept?.minutes ?? 0),
    commands: [...new Set([...(kept?.commands ?? []), command])],
    machine: machine(),
    versions: { ...kept?.versions, ...(await versions(subjects)) },
    rounds: Math.min(run.rounds, kept?.rounds ?? run.rounds),
    subjects: entries.filter(({ name }) => named.has(name)).map(({ name, title, keeps }) => ({ name, title, keeps })),
    summary: summarize(all),
    series: all.map((s) => ({ ...s, values: s.values.map((x) => Number(x.toPrecision(5))) })),
  }
}

/** Saves the results. Called after every figure, so that a run that is stopped keeps its results so far. Returns the text for this run alone. */
async function save(): Promise<string> {
  const { series: all, left: unwritten } = merge(kept?.series ?? [], series.all)
  if (unwritten.length < new Set(series.all.map(({ figure }) => figure)).size) {
    const result = await resultOf(all, kept)
    await mkdir(results, { recursive: true })
    await writeFile(`${results}/latest.json`, `${JSON.stringify(result, undefined, 1)}\n`)
    await writeFile(page, markdown(result))
    for (const [name, svg] of Object.entries(plots(result))) await writeFile(`${results}/${name}.svg`, svg)
  }
  if (unwritten.length)
    say(`! Not written, because the last results have more subjects or cells: ${unwritten.join(', ')}`)
  return markdown(await resultOf(series.all))
}

let failed = false
let text = ''
try {
  for (const figure of chosen('figure', options.figures, figures)) {
    await figure(run)
    text = await save()
  }
} catch (error) {
  failed = true
  console.error(error)
} finally {
  server.close()
  await profiles.close()
  progress.stop()
}
console.log(text)
process.exitCode = failed ? 1 : 0
