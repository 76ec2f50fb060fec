import { setTimeout as pause } from 'node:timers/promises'
import { boot, emptyWriteLog, interleaved, type Run, withBrowser } from '../run.ts'

/** About 100,000 messages. */
const THREADS = 2000
/** The pages by subject: for Tidemark the demo Threads, for the floor a page with the same rows and events. */
const pages: Record<string, string> = { floor: 'threads-floor', tidemark: 'threads' }

/** The pages to build before the figure is measured. */
export const threadsPages = Object.values(pages).map((name) => ({ name, title: `the page ${name}` }))

/** Boots of the demo Threads, with its model, worker and options: cold and as a second tab, in turns with a floor that has the same rows. */
export async function threadsFigure(run: Run): Promise<void> {
  const threads = run.quick ? THREADS / 10 : THREADS
  const cell = `${threads.toLocaleString('en')} threads, ${(50 * threads).toLocaleString('en')} messages`
  const subjects = run.subjects.filter(({ name }) => pages[name])
  const profiles = new Map<string, string>()
  const found = new Set<string>()
  for (const { name, title } of subjects) {
    const page = pages[name]!
    run.say(`filling Threads, ${title}`)
    const profile = await run.profile()
    profiles.set(name, profile)
    await withBrowser(run.chromium, profile, async (browser) => {
      const tab = await boot(run, browser, page)
      await tab.run(`bench.extra("fill", ${threads})`)
      await tab.run('bench.settle()')
      await emptyWriteLog(run, browser, profile, page)
    })
  }
  await interleaved(run, subjects, run.rounds, 'Threads', async ({ name }) => {
    const page = pages[name]!
    await withBrowser(run.chromium, profiles.get(name)!, async (browser) => {
      const cold = await boot(run, browser, page)
      run.add('Threads, boot, cold', cell, name, 'ms', cold.script)
      run.add('Threads, boot, cold, from navigation', cell, name, 'ms', cold.navigation)
      await pause(2000)
      const second = await boot(run, browser, page)
      run.add('Threads, boot, second tab', cell, name, 'ms', second.script)
      const { events, rows } = await second.run<{ events: number; rows: string }>('bench.extra("counts")')
      found.add(`${events} events, ${rows} rows`)
    })
    // A new process opens the same database without the subject: this part of the boot is the browser's own.
    await withBrowser(run.chromium, profiles.get(name)!, async (browser) => {
      const tab = await browser.open(run.url(page))
      run.add('Threads, opening the database alone', cell, name, 'ms', await tab.run<number>('bench.open()'))
    })
  })
  if (found.size > 1) throw new Error(`not the same log and rows: ${[...found].join('; ')}`)
}
