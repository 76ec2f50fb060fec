import { setTimeout as pause } from 'node:timers/promises'
import { median } from 'simple-statistics'
import type { Tab } from '../browsers/browser.ts'
import { boot, interleaved, type Run, withBrowser } from '../run.ts'
import { nameOf } from '../workload.ts'

/** Turns of each log in one browser, and the milliseconds of a turn: long enough for several writes of the second copy. */
const TURNS = 5
const STRETCH = 2000
/** Milliseconds in which the second copy catches up. It must not work while the other log is measured. */
const REST = 1200

/** One page writes to two logs in turns, and each turn gives a median: two processes of one browser differ by more than what is measured. */
async function inTurns(
  run: Run,
  figure: string,
  logs: { readonly [subject: string]: string | undefined },
  check: (tab: Tab) => Promise<void>,
): Promise<void> {
  for (const cell of run.cells) {
    const name = nameOf(cell)
    const tidemark = run.subjects.filter((subject) => subject.name === 'tidemark')
    await interleaved(run, tidemark, run.rounds, `${figure} ${name}`, async (subject, round) => {
      const profile = await run.profile(await run.seeded(subject, cell))
      await withBrowser(run.chromium, profile, async (browser) => {
        const tab = await boot(run, browser, subject.name)
        for (const log of Object.values(logs))
          if (log) await tab.run(`bench.extra("openOther", "${log}", ${cell.events}, ${cell.rows})`)
        await pause(2 * REST)
        // The first turn warms up.
        for (let turn = 0; turn <= TURNS; turn++) {
          const order = Object.entries(logs)
          if ((turn + round) % 2) order.reverse()
          for (const [of, log] of order) {
            const seed = 1e6 * round + 1e5 * turn
            const times = await tab.run<number[]>(
              `bench.extra("turn", ${JSON.stringify(log)}, ${STRETCH}, ${cell.rows}, ${seed})`,
            )
            if (turn) run.add(figure, name, of, 'ms', median(times))
            await pause(REST)
          }
        }
        await check(tab)
      })
    })
  }
}

/** What the second copy costs a dispatch. */
export const mirrorFigure = (run: Run): Promise<void> =>
  inTurns(
    run,
    'one durable write, two logs in turns',
    { 'tidemark-no-mirror': 'uncopied', tidemark: undefined },
    async (tab) => {
      // The first log still has its second copy, and the other log has none.
      const copies = await tab.run('bench.extra("copies")')
      if (copies !== 'on, off') throw new Error(`the second copies are ${copies}`)
    },
  )

/** What ten reactions cost a dispatch whose event none of them handles. */
export const reactionsFigure = (run: Run): Promise<void> =>
  inTurns(run, 'one durable write, with ten reactions', { tidemark: 'plain', [REACTING]: 'reacting' }, async (tab) => {
    const states = await tab.run<string[]>('bench.extra("reactions")')
    if (states.length !== 10 || states.some((state) => state !== 'idle')) throw new Error(`reactions: ${states}`)
  })

/** The subject of `reactionsFigure` with ten reactions. */
export const REACTING = 'tidemark-reacting'
