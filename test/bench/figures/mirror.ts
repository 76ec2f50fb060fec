import { setTimeout as pause } from 'node:timers/promises'
import { median } from 'simple-statistics'
import { boot, interleaved, type Run, withBrowser } from '../run.ts'
import { nameOf } from '../workload.ts'

/** Turns of each log in one browser, and the milliseconds of a turn: long enough for several writes of the second copy. */
const TURNS = 5
const STRETCH = 2000
/** Milliseconds in which the second copy catches up. It must not work while the other log is measured. */
const REST = 1200

/**
 * What the second copy costs a dispatch. One page writes in turns to a log with a second copy and to one without; each turn gives a median.
 * Two processes of the same browser differ by more than this cost.
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
        // The first log still has its second copy, and the other log has none.
        const copies = await tab.run('bench.extra("copies")')
        if (copies !== 'on, off') throw new Error(`the second copies are ${copies}`)
      })
    })
  }
}
