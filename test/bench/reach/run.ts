import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { loadavg } from 'node:os'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { buildPage, serve } from '../build.ts'
import { createSeries, summarize } from '../measure.ts'
import { machine } from '../report/machine.ts'
import { openProfiles } from '../run.ts'
import { axes } from './axes.ts'
import { markdown, type Reached } from './report.ts'

// npm run bench -- --only reach [--axes events,rows,projections,tabs] [--rounds 3] [--quick]: how far Tidemark goes, beside the floor. The
// last results of the other axes are kept. All axes take about half an hour and 10 GB of disk.
const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    axes: { type: 'string', default: Object.keys(axes).join() },
    rounds: { type: 'string', default: '3' },
    quick: { type: 'boolean', default: false },
  },
})
const chosen = values.axes.split(',').map((name) => {
  const axis = axes[name]
  if (!axis) throw new Error(`No axis '${name}'. There are ${Object.keys(axes).join(', ')}`)
  return [name, axis] as const
})
const at = (relative: string) => fileURLToPath(new URL(relative, import.meta.url))
const [json, report] = [at('../results/reach.json'), at('../report/reach.md')]
const known: Reached[] = JSON.parse(await readFile(json, 'utf8').catch(() => '[]'))

const started = Date.now()
const say = (text: string) => console.error(`${((Date.now() - started) / 60_000).toFixed(1).padStart(5)} min  ${text}`)
const rounds = Number(values.rounds)
for (const name of ['floor', 'tidemark']) await buildPage(name)
const server = await serve()

try {
  for (const [axis, run] of chosen) {
    const series = createSeries()
    const profiles = await openProfiles()
    const load = Number((loadavg()[0] ?? 0).toFixed(1))
    const began = Date.now()
    const command = `npm run bench -- --only reach --axes ${axis} --rounds ${rounds}`
    const date = new Date().toISOString().slice(0, 10)
    const reached = (): Reached => {
      const minutes = Math.round((Date.now() - began) / 60_000)
      return { axis, command, date, minutes, load, machine: machine(), summary: summarize(series.all) }
    }
    const save = async (): Promise<void> => {
      if (values.quick) return
      known.splice(0, known.length, ...known.filter((one) => one.axis !== axis), reached())
      await mkdir(at('../results'), { recursive: true })
      await writeFile(json, `${JSON.stringify(known, undefined, 1)}\n`)
      await writeFile(report, markdown(known))
    }
    try {
      await run({ url: server.url, add: series.add, say, rounds, quick: values.quick, profile: profiles.make, save })
    } finally {
      await profiles.close()
    }
    if (values.quick) console.log(markdown([reached()]))
  }
} finally {
  server.close()
}
