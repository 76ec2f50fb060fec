import { setTimeout as pause } from 'node:timers/promises'
import { boot, interleaved, type Run, withBrowser } from '../run.ts'
import { nameOf } from '../workload.ts'

/** Durable writes one by one, 1,000 writes at once, and the time until another tab shows a write. */
export async function writesFigure(run: Run): Promise<void> {
  for (const cell of run.cells) {
    const name = nameOf(cell)
    const subjects = run.subjects.filter((s) => cell.events <= s.maxEvents && cell.rows <= (s.maxRows ?? cell.rows))
    const profiles = new Map<string, string>()
    await interleaved(run, subjects, run.rounds, `writes ${name}`, async (subject, round) => {
      const profile = profiles.get(subject.name) ?? (await run.profile(await run.seeded(subject, cell)))
      profiles.set(subject.name, profile)
      await withBrowser(
        run.chromium,
        profile,
        async (browser) => {
          const a = await boot(run, browser, subject.name)
          const writes = async (count: number) =>
            a.run<number[]>(`bench.writes(${count}, ${cell.rows}, ${1e6 * (round + 1)})`)
          // First with cold code, while the page still starts its background work. Then, after a pause, as in an app that is in use.
          run.add('first writes after boot', name, subject.name, 'ms', ...(await writes(subject.slow ? 3 : 30)))
          await pause(2000)
          run.add(
            'one durable write',
            name,
            subject.name,
            'ms',
            ...(await writes(subject.slow ? 20 : run.quick ? 100 : 300)),
          )

          // If one write takes a third of a second, a thousand take minutes. One cell shows as much as all of them.
          if (!subject.slow || (round === 0 && cell.rows <= 1000)) {
            await a.run(`bench.burst(${subject.slow ? 10 : 200}, ${cell.rows}, 5)`)
            const ms = await a.run<number>(`bench.burst(1000, ${cell.rows}, ${1e6 * (round + 1)})`)
            run.add('1,000 writes at once', name, subject.name, 'ms', ms)
          }
          if (subject.name === 'floor')
            for (let n = 0; n < 3; n++)
              run.add(
                '1,000 writes at once',
                name,
                'packed',
                'ms',
                await a.run(`bench.packed(1000, ${cell.rows}, ${n})`),
              )
          await a.run('bench.settle()')

          const b = await boot(run, browser, subject.name)
          await b.run('bench.listen(7)')
          const send = (count: number) => a.run<number[]>(`bench.send(7, ${count}, 5000)`)
          await send(subject.slow ? 1 : 5)
          run.add('cross-tab', name, subject.name, 'ms', ...(await send(subject.slow ? 5 : run.quick ? 30 : 60)))
        },
        subject.seconds,
      )
    })
  }
}
