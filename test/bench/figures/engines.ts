import type { Browser } from '../browsers/browser.ts'
import { firefox } from '../browsers/firefox.ts'
import { webkit } from '../browsers/webkit.ts'
import { boot, check, interleaved, type Run, record, withBrowser } from '../run.ts'
import { nameOf } from '../workload.ts'

/** Boot and one durable write in Firefox and WebKit, for the floor and Tidemark. */
export async function enginesFigure(run: Run): Promise<void> {
  const cell = { events: 10_000, rows: run.quick ? 1000 : 5000 }
  const subjects = run.subjects.filter((subject) => subject.engines)
  for (const engine of [firefox, webkit]) {
    const profiles = new Map<string, string>()
    const add = (figure: string, subject: string, ...values: number[]) =>
      run.add(`${figure}, ${engine.name}`, nameOf(cell), subject, 'ms', ...values)
    await interleaved(run, subjects, Math.min(run.rounds, 5), engine.name, async ({ name }) => {
      const seed = async (browser: Browser) => {
        const tab = await boot(run, browser, name)
        await record(tab, cell)
        await tab.run('bench.settle()')
      }
      const measure = async (browser: Browser) => {
        const tab = await boot(run, browser, name)
        await check(tab, name, cell, false)
        add(engine.keepsProfile ? 'boot, cold' : 'boot, second tab', name, tab.script)
        await tab.run(`bench.writes(20, ${cell.rows}, 1)`)
        add('one durable write', name, ...(await tab.run<number[]>(`bench.writes(100, ${cell.rows}, 2)`)))
        await tab.run('bench.settle()')
      }
      let profile = profiles.get(name)
      if (!profile) {
        profile = await run.profile()
        if (engine.keepsProfile) {
          profiles.set(name, profile)
          await withBrowser(engine, profile, seed)
        }
      }
      await withBrowser(engine, profile, async (browser) => {
        if (!engine.keepsProfile) await seed(browser)
        await measure(browser)
      })
    })
  }
}
