import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import getFolderSize from 'get-folder-size'
import type { Browser } from '../browsers/browser.ts'
import { boot, check, interleaved, type Run, record, withBrowser } from '../run.ts'
import type { Entry } from '../subjects/index.ts'
import { nameOf } from '../workload.ts'

const wide = { wide: true } as const
/** The subject of `indexFigure` with the index. */
export const INDEXED = 'tidemark-indexed'
const caughtUp = '(async (from) => (await bench.extra("projected"), performance.now() - from))(performance.now())'
const tidemark = (run: Run) => run.subjects.filter(({ name }) => name === 'tidemark')

/** A large import with three projections and the worker running; then the same log folded again. */
export async function bulkFigure(run: Run): Promise<void> {
  const cell = { events: run.quick ? 100_000 : 1_000_000, rows: 5000 }
  const name = nameOf(cell)
  const subjects = run.subjects.filter((subject) => subject.wide)
  const rounds = Math.min(run.rounds, 3)
  await interleaved(run, subjects, rounds, `bulk ${name}`, async (subject) => {
    const profile = await run.profile()
    await withBrowser(run.chromium, profile, async (browser) => {
      const tab = await boot(run, browser, subject.name, wide)
      const ms = await record(tab, cell)
      const floor = subject.name === 'floor'
      const after = await tab.run<number>(floor ? 'bench.settle()' : caughtUp)
      // The floor's rows are on disk only after `settle`, so it counts. Tidemark's worker writes its rows in the background.
      run.add('bulk', name, subject.name, 'ms', floor ? ms + after : ms)
      if (!floor) run.add('bulk, until caught up', name, subject.name, 'ms', after)
      await check(tab, subject.name, cell)
      await tab.run('bench.settle()')
    })
    await withBrowser(run.chromium, profile, async (browser) => {
      const tab = await boot(run, browser, subject.name, wide)
      await tab.run('bench.settle()')
      if (await tab.run<boolean>('bench.has("rebuild")'))
        run.add('rebuild', name, subject.name, 'ms', await tab.run<number>('bench.extra("rebuild")'))
      const bare = await tab.run<{ ms: number; rows: number }>('bench.extra("readAndFold")')
      if (bare.rows !== cell.rows) throw new Error(`${subject.name}: a bare fold gave ${bare.rows} rows`)
      run.add('rebuild: read and bare fold', name, subject.name, 'ms', bare.ms)
    })
  })
}

/** The pipeline with and without an index of the events that changed each row: while a tab records, and in a rebuild. */
export async function indexFigure(run: Run): Promise<void> {
  const cell = { events: run.quick ? 100_000 : 1_000_000, rows: 5000 }
  const name = nameOf(cell)
  const subjects = tidemark(run).flatMap((subject) => [
    subject,
    { ...subject, name: INDEXED, title: `${subject.title} with an index` },
  ])
  await interleaved(run, subjects, Math.min(run.rounds, 3), `index ${name}`, async (subject) => {
    const seed = { wide: true, indexed: subject.name === INDEXED }
    await withBrowser(run.chromium, await run.profile(), async (browser) => {
      const tab = await boot(run, browser, 'tidemark', seed)
      const ms = await record(tab, cell)
      const after = await tab.run<number>(caughtUp)
      run.add('recorded and caught up, one table with history', name, subject.name, 'ms', ms + after)
      await check(tab, subject.name, cell)
      await tab.run('bench.settle()')
      run.add(
        'rebuild, one table with history',
        name,
        subject.name,
        'ms',
        await tab.run<number>('bench.extra("rebuild")'),
      )
    })
  })
}

/**
 * Bytes on disk per event after a restart: for commands with one event each, and for commits of a thousand events. Chromium's database keeps
 * some megabytes of deleted data for good. The log that is sealed is therefore longer: it shows the cost of an event.
 */
export async function storedFigure(run: Run): Promise<void> {
  const cell = { events: run.quick ? 20_000 : 100_000, rows: 1000 }
  const subjects: Entry[] = [
    ...run.subjects.filter(({ wide, name }) => wide && name !== 'tidemark-no-mirror'),
    { name: 'row-per-event', title: 'one row per event', packages: [], keeps: '', maxEvents: 1e6 },
  ]
  for (const perCommit of [1, 1000])
    await interleaved(run, subjects, 1, 'stored bytes', async (subject) => {
      const sealed = subject.name === 'tidemark'
      const size = sealed ? 20 * cell.events : cell.events
      const profile = await run.profile()
      for (const events of [size, 0]) {
        await withBrowser(run.chromium, profile, async (browser) => {
          const tab = await boot(run, browser, subject.name)
          await record(tab, { ...cell, events }, 0, { perCommit })
          await tab.run('bench.settle()')
          await pause(5000)
        })
      }
      const bytes = (folder: string) => getFolderSize.loose(join(profile, 'Default', folder))
      const kind = perCommit === 1 ? 'a command each' : `commits of ${perCommit}`
      run.add('stored per event', kind, subject.name, 'B', (await bytes('IndexedDB')) / size)
      if (sealed) run.add('stored per event, second copy', kind, subject.name, 'B', (await bytes('File System')) / size)
    })
}

/** The longest task on the main thread of a page, in the thread's own processor time: wall time would include other processes. */
export async function mainThreadFigure(run: Run): Promise<void> {
  const size = run.quick ? 20_000 : 100_000
  const cell = { events: size, rows: 5000 }
  const k = (events: number) => `${events / 1000}k`
  await interleaved(run, tidemark(run), Math.min(run.rounds, 3), 'main thread', async (subject) => {
    const add = (cell: string, ms: number, figure = 'longest task') => run.add(figure, cell, subject.name, 'ms', ms)
    const profile = await run.profile(await run.seeded(subject, cell))
    const traced = <T>({ traced }: Browser, use: () => Promise<T>) => (traced as NonNullable<typeof traced>)(use)
    await withBrowser(run.chromium, profile, async (browser) => {
      const a = await boot(run, browser, subject.name)
      const b = await boot(run, browser, subject.name)
      const other = await traced(browser, () => record(a, { ...cell, events: 2 * size }, size))
      add(`other tab records ${k(size)}`, other.longest)
      await b.close()
      for (const events of [1000, 10_000, 20_000]) {
        await a.run('bench.settle()')
        const { value, longest } = await traced(browser, () =>
          a.run<number>(`bench.record(${2 * size}, ${2 * size + events}, ${cell.rows}, ${events})`),
        )
        run.add('one command of many events', String(events), subject.name, 'ms', value)
        add(`a command of ${events}`, longest, events > 1000 ? 'longest task of one large command' : undefined)
      }
      await a.run('bench.extra("dropSnapshot")')
    })
    await withBrowser(run.chromium, profile, async (browser) => {
      await browser.open('about:blank')
      const events = 2 * size
      const { value, longest } = await traced(browser, () => boot(run, browser, subject.name))
      run.add('boot without a snapshot', `${k(events)} events`, subject.name, 'ms', value.script)
      add(`boot without a snapshot, ${k(events)}`, longest)
    })
    const wider = await run.profile()
    await withBrowser(run.chromium, wider, async (browser) => {
      const tab = await boot(run, browser, subject.name, wide)
      const events = 10 * size
      const { longest } = await traced(browser, () => record(tab, { ...cell, events }))
      add(`import of ${k(events)}`, longest)
    })
    const large = { events: size, rows: size / 2 }
    await withBrowser(run.chromium, await run.profile(await run.seeded(subject, large)), async (browser) => {
      await browser.open('about:blank')
      const { longest } = await traced(browser, () => boot(run, browser, subject.name))
      add(`boot of ${k(large.rows)} rows, reads included`, longest, 'longest task of a large boot')
    })
  })
}
