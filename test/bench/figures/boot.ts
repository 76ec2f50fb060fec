import { setTimeout as pause } from 'node:timers/promises'
import { boot, check, interleaved, type Run, withBrowser } from '../run.ts'
import type { Entry } from '../subjects/index.ts'
import { type Cell, nameOf } from '../workload.ts'

const fits = (cell: Cell) => (subject: Entry) =>
  cell.events <= subject.maxEvents && cell.rows <= (subject.maxRows ?? Number.POSITIVE_INFINITY)

/** A cold boot (in a new process of the browser on the same profile), its heap, and the boot of a second tab two seconds later. */
export async function bootFigure(run: Run): Promise<void> {
  for (const cell of run.cells) {
    const name = nameOf(cell)
    await interleaved(run, run.subjects.filter(fits(cell)), run.rounds, `boot ${name}`, async (subject) => {
      const profile = await run.seeded(subject, cell)
      await withBrowser(
        run.chromium,
        profile,
        async (browser) => {
          const cold = await boot(run, browser, subject.name)
          run.add('boot, cold', name, subject.name, 'ms', cold.script)
          run.add('boot, cold, from navigation', name, subject.name, 'ms', cold.navigation)
          run.add('heap after boot', name, subject.name, 'B', (await cold.heap?.()) ?? Number.NaN)
          // By then, the first tab has started the work that it puts off until after its first paint.
          await pause(2000)
          const second = await boot(run, browser, subject.name)
          run.add('boot, second tab', name, subject.name, 'ms', second.script)
          run.add('boot, second tab, from navigation', name, subject.name, 'ms', second.navigation)
          run.add('first read of every row', name, subject.name, 'ms', await check(second, subject.name, cell))
        },
        subject.seconds,
      )
    })
  }
}

/** Boots with the same number of rows and logs of growing length: what each subject pays for history. */
export async function flatFigure(run: Run): Promise<void> {
  const rows = 1000
  const logs = run.quick ? [1e3, 1e4, 1e5] : [1e3, 1e4, 1e5, 1e6, 3e6]
  const subjects = (events: number) => run.subjects.filter(fits({ events, rows }))
  for (const events of logs)
    for (const subject of subjects(events)) await run.seeded(subject, { events, rows }).catch(() => {})
  const all = run.subjects.flatMap((subject) =>
    logs.filter((events) => fits({ events, rows })(subject)).map((events) => ({ ...subject, events })),
  )
  await interleaved(run, all, run.rounds, 'boot by log length', async (subject) => {
    const cell = { events: (subject as (typeof all)[number]).events, rows }
    const profile = await run.seeded(subject, cell)
    await withBrowser(
      run.chromium,
      profile,
      async (browser) => {
        const cold = await boot(run, browser, subject.name)
        run.add('boot by log length', nameOf(cell), subject.name, 'ms', cold.script)
        await check(cold, subject.name, cell)
      },
      subject.seconds,
    )
    // A new process opens the same database without the subject: this part of the time is the browser's own.
    await withBrowser(run.chromium, profile, async (browser) => {
      const tab = await browser.open(run.url(subject.name))
      const ms = await tab.run<number>('bench.open()')
      if (!Number.isNaN(ms)) run.add('opening the database alone, by log length', nameOf(cell), subject.name, 'ms', ms)
    })
  })
}
