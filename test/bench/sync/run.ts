import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { build, type PreviewServer, preview } from 'vite'
import { type NatsServer, startNatsServer } from '../../remote/nats/server.ts'
import { type Figure, type Measuring, pieces } from './pieces.ts'
import { markdown } from './report.ts'

/** Runs the chosen pieces, each on a new server, and writes their figures. The last figures of the other pieces are kept. */
export async function measure(args: readonly string[], folder: string): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      only: { type: 'string' },
      pieces: { type: 'string', default: Object.keys(pieces).join() },
      rounds: { type: 'string', default: '7' },
    },
  })
  const site = await buildSite(folder)
  const report = join(folder, '../report/sync.md')
  const json = join(folder, '../results/sync.json')
  const known: Figure[] = JSON.parse(await readFile(json, 'utf8').catch(() => '[]'))
  try {
    for (const name of values.pieces.split(',')) {
      const piece = pieces[name]
      if (!piece) throw new Error(`No piece '${name}'. There are ${Object.keys(pieces).join(', ')}`)
      const server = await startNatsServer('')
      const temporary = await mkdtemp(join(tmpdir(), 'tidemark-bench-'))
      try {
        const address = site.resolvedUrls?.local[0] as string
        const command = `npm run bench -- --only sync --pieces ${name} --rounds ${values.rounds}`
        // The load of the last minute: other processes may share the machine.
        const load = Number((loadavg()[0] ?? 0).toFixed(1))
        const figures = await piece({ ...measuring(server), address, temporary, rounds: Number(values.rounds) })
        for (const figure of figures) {
          const full = { ...figure, piece: name, command, date: new Date().toISOString().slice(0, 10), load }
          console.log(full.name, full.value, full.unit, `(goal ${full.goal})`, full.note ?? '')
          const at = known.findIndex((one) => one.name === full.name)
          if (at < 0) known.push(full)
          else known[at] = full
        }
        await writeFile(json, `${JSON.stringify(known, undefined, 1)}\n`)
        await writeFile(report, markdown(known))
      } finally {
        await server.remove()
        await rm(temporary, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 })
      }
    }
  } finally {
    await site.close()
  }
}

const measuring = (server: NatsServer): Pick<Measuring, 'server' | 'stream'> => ({
  server,
  async stream(log) {
    const nc = await server.connect('', '')
    const { jetstreamManager } = await import('@nats-io/jetstream')
    await (await jetstreamManager(nc)).streams.add({ name: `tm_${log}`, subjects: [`tm_${log}`] })
    await nc.close()
  },
})

/** Builds the page for production, and serves it. */
async function buildSite(folder: string): Promise<PreviewServer> {
  const sources = join(folder, '../../../src')
  const outDir = join(folder, '../../../build/bench-sync/site')
  const shared = {
    configFile: false,
    logLevel: 'error',
    root: join(folder, 'page'),
    base: './',
    build: { outDir, emptyOutDir: true, target: 'chrome110', reportCompressedSize: false },
  } as const
  await build({
    ...shared,
    define: { __DEV__: 'false' },
    worker: { format: 'es' },
    resolve: {
      alias: [
        { find: /^tidemark$/, replacement: join(sources, 'index.ts') },
        { find: /^tidemark\/(.*)$/, replacement: join(sources, '$1.ts') },
      ],
    },
  })
  return preview({ ...shared, preview: { port: 0, host: '127.0.0.1' } })
}
