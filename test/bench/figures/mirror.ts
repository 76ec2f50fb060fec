import { setTimeout as pause } from 'node:timers/promises'
import { median } from 'simple-statistics'
import { boot, interleaved, type Run, withBrowser } from '../run.ts'
import { nameOf } from '../workload.ts'

/** Stretches of writes to each log in one browser, each long enough for the second copy to be written some times. */
const TURNS = 5
const STRETCH = 2000
/** Until the second copy has caught up: it must not be measured with the other log. */
const REST = 1200

/**
 * What the second copy costs a dispatch: two logs of one page, with and without, written in turns; the median of each stretch. Two browsers of the same
 * program differ by more than what is asked here.
 */
export async function mirrorFigure(run: Run): Promise<void> {
  for (const cell of run.cells) {
    const name = nameOf(cell)
    const tidemark = run.subjects.filter((subject) => subject.name === 'tidemark')
    await interleaved(run, tidemark, run.rounds, `mirror ${name}`, async (subject, round) => {
      const profile = await run.profile(await run.seeded(subject, cell))
      await withBrowser(run.chromium, profile, async (browser) => {
        const tab = await boot(run, browser, subject.name)
        await tab.run(`bench.extra("openUncopied", ${cell.events}, ${cell.rows})`)
        await pause(2 * REST)
        // The first turn warms up.
        for (let turn = 0; turn <= TURNS; turn++)
          for (const copied of (turn + round) % 2 ? [true, false] : [false, true]) {
            const seed = 1e6 * round + 1e5 * turn
            const times = await tab.run<number[]>(`bench.extra("turn", ${copied}, ${STRETCH}, ${cell.rows}, ${seed})`)
            const of = copied ? subject.name : 'tidemark-no-mirror'
            if (turn) run.add('one durable write, two logs in turns', name, of, 'ms', median(times))
            await pause(REST)
          }
        // What was measured was at work.
        const copies = await tab.run('bench.extra("copies")')
        if (copies !== 'on, off') throw new Error(`the second copies are ${copies}`)
      })
    })
  }
}
