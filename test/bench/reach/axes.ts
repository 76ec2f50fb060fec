import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import getFolderSize from 'get-folder-size'
import type { Browser, Tab } from '../browsers/browser.ts'
import { chromium } from '../browsers/chromium.ts'
import type { createSeries } from '../measure.ts'
import { boot, check, type Run, record, type Seed, withBrowser } from '../run.ts'
import { type Cell, nameOf } from '../workload.ts'
import { filesOf, memoryOf } from './processes.ts'

export interface Reach {
  readonly url: Run['url']
  readonly add: ReturnType<typeof createSeries>['add']
  readonly say: (text: string) => void
  readonly rounds: number
  /** Smaller ends of every axis, to try the measurement itself. */
  readonly quick: boolean
  profile(): Promise<string>
  /** Saves what was measured so far: the largest logs take minutes. */
  save(): Promise<void>
}

/** One log of a subject, and where its figures go. */
interface Point extends Seed {
  readonly subject: 'floor' | 'tidemark'
  readonly cell: Cell
  /** The figure's column in the report. */
  readonly at: string
}
const HOUR = 3600
const caughtUp = '(async (from) => (await bench.extra("projected"), performance.now() - from))(performance.now())'

/** Records a log. Adds the time, its bytes per event, and the files that Chromium made of it. Returns the profile. */
async function recorded(reach: Reach, point: Point): Promise<string> {
  const { subject, cell, at } = point
  const profile = await reach.profile()
  reach.say(`recording ${at}, ${subject}`)
  await withBrowser(
    chromium,
    profile,
    async (browser) => {
      const tab = await boot(reach, browser, subject, point)
      const ms = await record(tab, cell, 0, point)
      const rest = await tab.run<number>(subject === 'floor' ? 'bench.settle()' : caughtUp)
      reach.add('record', at, subject, 'µs per event', ((ms + rest) * 1000) / cell.events)
      await check(tab, subject, cell)
      await tab.run('bench.settle()')
      // The second copy writes its last files, and Chromium deletes and compacts.
      await pause(5000)
    },
    HOUR,
  )
  const bytes = (folder: string) => getFolderSize.loose(join(profile, 'Default', folder))
  reach.add('bytes per event, database', at, subject, 'B', (await bytes('IndexedDB')) / cell.events)
  if (subject === 'tidemark')
    reach.add('bytes per event, second copy', at, subject, 'B', (await bytes('File System')) / cell.events)
  return profile
}

/** Boots in new processes: the whole boot, and in others the opening of the database alone. Then a second tab, its heap, and all memory. */
async function boots(reach: Reach, point: Point, profile: string): Promise<void> {
  const { subject, cell, at, projections = 1 } = point
  const database = projections > 1 ? `"tidemark:many-${projections}"` : ''
  for (let round = 0; round < reach.rounds; round++) {
    const { tables, log } = await filesOf(profile)
    reach.add('tables of the database', at, subject, 'files', tables)
    reach.add('read again at the opening', at, subject, 'B', log)
    await withBrowser(chromium, profile, async (browser) => {
      const ms = await (await browser.open(reach.url(subject))).run<number>(`bench.open(${database})`)
      reach.add('opening the database alone', at, subject, 'ms', ms)
    })
    await withBrowser(chromium, profile, async (browser) => {
      const cold = await boot(reach, browser, subject, point)
      reach.add('boot, cold', at, subject, 'ms', cold.script)
      await pause(2000)
      const second = await boot(reach, browser, subject, point)
      reach.add('boot, second tab', at, subject, 'ms', second.script)
      await check(second, subject, cell)
      if (round > 0) return
      reach.add('heap of a tab', at, subject, 'B', (await second.heap?.()) ?? Number.NaN)
      reach.add('memory of the browser, two tabs', at, subject, 'B', await memoryOf(profile))
    })
  }
}

const writes = (tab: Tab, count: number, rows: number, seed: number) =>
  tab.run<number[]>(`bench.writes(${count}, ${rows}, ${seed})`)

/** Writes one by one, and the time until the newest tab shows a write. */
async function use(reach: Reach, point: Point, tabs: readonly Tab[]): Promise<void> {
  const { subject, cell, at } = point
  const [writer, last] = [tabs[0] as Tab, tabs.at(-1) as Tab]
  await writes(writer, 50, cell.rows, 1e6)
  reach.add('one durable write', at, subject, 'ms', ...(await writes(writer, 200, cell.rows, 2e6)))
  if (last === writer) return
  await last.run('bench.listen(7)')
  const send = (count: number) => writer.run<number[]>(`bench.send(7, ${count}, 5000)`)
  await send(5)
  reach.add('cross-tab', at, subject, 'ms', ...(await send(40)))
}

async function opened(reach: Reach, point: Point, browser: Browser, count: number): Promise<Tab[]> {
  const tabs: Tab[] = []
  for (let n = 0; n < count; n++) tabs.push(await boot(reach, browser, point.subject, point))
  await pause(2000)
  return tabs
}

async function used(reach: Reach, point: Point, profile: string): Promise<void> {
  await withBrowser(
    chromium,
    profile,
    async (browser) => {
      const tabs = await opened(reach, point, browser, 2)
      await use(reach, point, tabs)
      if (point.subject === 'floor') return
      await tabs[0]?.run('bench.settle()')
      reach.say(`rebuilding ${point.at}`)
      const ms = await (tabs[0] as Tab).run<number>('bench.extra("rebuild")')
      reach.add('rebuild', point.at, point.subject, 'µs per event', (ms * 1000) / point.cell.events)
    },
    HOUR,
  )
}

/** Everything for one point, with one log per subject. */
async function measured(reach: Reach, point: Omit<Point, 'subject'>, subjects: readonly Point['subject'][]) {
  for (const subject of subjects) {
    const profile = await recorded(reach, { ...point, subject })
    await boots(reach, { ...point, subject }, profile)
    await used(reach, { ...point, subject }, profile)
  }
  await reach.save()
}

const both = ['floor', 'tidemark'] as const
const upTo = (reach: Reach, all: readonly number[], few: number) => (reach.quick ? all.slice(0, few) : all)

/** What grows, and how far. Each axis changes one number and leaves the others as they are. */
export const axes: Readonly<Record<string, (reach: Reach) => Promise<void>>> = {
  async events(reach) {
    for (const events of upTo(reach, [1e4, 1e5, 1e6, 3e6, 1e7, 3e7], 2)) {
      const cell = { events, rows: 1000 }
      await measured(reach, { cell, at: `events: ${nameOf(cell)}` }, both)
    }
  },
  async rows(reach) {
    for (const rows of upTo(reach, [1e3, 1e4, 5e4, 2e5, 5e5], 2)) {
      const cell = { events: reach.quick ? 2e4 : 1e6, rows }
      await measured(reach, { cell, at: `rows: ${nameOf(cell)}` }, both)
    }
  },
  async projections(reach) {
    const cell = { events: reach.quick ? 2e4 : 2e5, rows: 1000 }
    for (const projections of upTo(reach, [1, 5, 10, 20, 50], 2))
      await measured(reach, { cell, projections, at: `projections: ${projections}` }, ['tidemark'])
  },
  async tabs(reach) {
    const cell = { events: reach.quick ? 2e4 : 1e5, rows: 5000 }
    for (const subject of both) {
      const profile = await recorded(reach, { subject, cell, at: 'tabs: recorded once' })
      for (const count of upTo(reach, [1, 2, 5, 10, 20], 3)) {
        const point: Point = { subject, cell, at: `tabs: ${count}` }
        reach.say(`${count} tabs, ${subject}`)
        await withBrowser(
          chromium,
          profile,
          async (browser) => {
            const tabs = await opened(reach, point, browser, count)
            reach.add('memory of the browser', point.at, subject, 'B', await memoryOf(profile))
            await use(reach, point, tabs)
            reach.add('boot of one more tab', point.at, subject, 'ms', (await boot(reach, browser, subject)).script)
          },
          HOUR,
        )
        await reach.save()
      }
    }
  },
}
