import { setTimeout as pause } from 'node:timers/promises'
import { boot, interleaved, type Run, withBrowser } from '../run.ts'
import { nameOf } from '../workload.ts'

/** The past of a log in which each event was a command and a record by itself. */
export async function pastFigure(run: Run): Promise<void> {
  const cell = { events: run.quick ? 10_000 : 100_000, rows: 5000 }
  const name = nameOf(cell)
  const subjects = run.subjects.filter(({ name }) => name === 'tidemark')
  await interleaved(run, subjects, run.rounds, `past ${name}`, async (subject, round) => {
    const seed = { indexed: true, perCommit: 0 }
    await withBrowser(run.chromium, await run.seeded(subject, cell, seed), async (browser) => {
      const tab = await boot(run, browser, subject.name, seed)
      // By then, the tab has started the work that it puts off until after its first paint.
      await pause(2000)
      const [at, neighbour, first] = await tab.run<number[]>(`bench.extra("past", ${7 * round})`)
      run.add('past: the whole log folded', name, subject.name, 'ms', at as number)
      run.add('past: the event before', name, subject.name, 'ms', neighbour as number)
      run.add('past: the first event of one row', name, subject.name, 'ms', first as number)
    })
  })
}
