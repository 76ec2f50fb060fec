// npm run soak -- [--minutes 30] [--runs 100000] [--from 2001] [--profile devices]: the simulation runs on every core; a failure prints its seed.
// npm run soak -- --mutations [--only 'rule 5'] [--seconds 15]: tries each deliberate mistake, which the tests have to find.
// npm run soak -- --kills 100: kill -9 of Chromium in a storm of writes; --damage 3: IndexedDB's files are damaged after every third. --freezes 20: of a tab that writes.
// npm run soak -- --turns 30: kill -9 of Chromium in a storm of turns that a reaction answers.
// npm run soak -- --timers 365000: a log of so many events, 2 % of them with a timer up to 90 days away, sealed and archived.
// npm run soak -- --cycles 1000: engines opened and closed in one page, and every fifth time its worker ended.
// npm run soak -- --large [--only drafts]: the browser tests of large logs with all of the events, rows and flights they are made for.
// npm run soak -- --cluster: three nodes of nats-server, the leader killed every 5 s for 60 s.
import { spawn, spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { changed, parseSources, placeOf } from './anchor.mjs'
import { mutations } from './mutations.mjs'

const root = fileURLToPath(new URL('../..', import.meta.url))
const simulation = join(root, 'test/simulation/start.mjs')
const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '30' },
    runs: { type: 'string' },
    from: { type: 'string', default: '2001' },
    profile: { type: 'string' },
    mutations: { type: 'boolean', default: false },
    only: { type: 'string', default: '' },
    seconds: { type: 'string', default: '15' },
    kills: { type: 'string' },
    damage: { type: 'string', default: '0' },
    turns: { type: 'string' },
    timers: { type: 'string' },
    freezes: { type: 'string' },
    cycles: { type: 'string' },
    large: { type: 'boolean', default: false },
    cluster: { type: 'boolean', default: false },
  },
})

/** @type {(command: string[], cwd: string, seconds: number) => { status: number | null, out: string }} */
function run(command, cwd, seconds) {
  const { status, stdout, stderr, error } = spawnSync(process.execPath, command, {
    cwd,
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
    timeout: seconds * 1000,
    killSignal: 'SIGKILL',
  })
  const late = /** @type {NodeJS.ErrnoException | undefined} */ (error)?.code === 'ETIMEDOUT'
  if (status === null && !late) throw error ?? new Error(`${command[0]} was killed`)
  return { status, out: `${stdout}\n${stderr}` }
}

function mutate() {
  const copy = join(root, 'build/mutation')
  rmSync(copy, { recursive: true, force: true })
  mkdirSync(copy, { recursive: true })
  for (const name of ['src', 'test', 'demo', 'vite.config.ts', 'package.json', 'tsconfig.json'])
    cpSync(join(root, name), join(copy, name), {
      recursive: true,
      filter: (path) => !path.includes('node_modules') && !path.includes('test/bench'),
    })
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'))
  const chosen = mutations.filter(({ name }) => name.includes(values.only))
  let killed = 0
  const sources = parseSources(join(copy, 'src'))
  for (const mutation of chosen) {
    const { name, profiles, tests } = mutation
    let place
    try {
      place = placeOf(sources, copy, mutation)
    } catch (error) {
      console.log(`NOT APPLIED ${name}: ${/** @type {Error} */ (error).message}`)
      continue
    }
    const source = /** @type {(typeof sources)[0]} */ (sources.find(({ path }) => path === place?.path))
    writeFileSync(source.path, changed(source, place))
    let by
    try {
      by = simulated(copy, profiles) ?? tested(copy, tests)
    } catch (error) {
      console.log(`NOT PLAYED  ${name}: ${/** @type {Error} */ (error).message.slice(0, 300)}`)
      continue
    } finally {
      writeFileSync(source.path, source.text)
    }
    if (by) killed++
    console.log(by ? `killed   ${name}\n         ${by}` : `SURVIVED ${name}`)
  }
  console.log(`${killed} of ${chosen.length} mutations killed`)
  process.exitCode = killed === chosen.length ? 0 : 1
}

/** @type {(copy: string, profiles: string | undefined) => string | undefined} */
function simulated(copy, profiles) {
  if (!profiles) return
  const seconds = Number(values.seconds)
  const options = ['--source', join(copy, 'src'), '--seconds', values.seconds, '--seeds', '1-100000', '--first']
  // The tests of the copy, so that edits of the tests meanwhile have no effect.
  const script = join(copy, 'test/simulation/start.mjs')
  const { status, out } = run([script, ...options, '--profile', profiles], root, 3 * seconds + 30)
  if (status === null) return 'simulation: it never ends'
  const found = out.split('\n').find((line) => /^\d+× seed/.test(line))
  // Any other output is a mistake of this script, not a finding.
  if (status && !found) throw new Error(out.slice(-2000))
  return found && `simulation: ${found.slice(3, 180)}`
}

/** @type {(copy: string, tests: [file: string, name: string] | undefined) => string | undefined} */
function tested(copy, tests) {
  if (!tests) return
  const [file, name] = tests
  const vitest = join(root, 'node_modules/vitest/vitest.mjs')
  const limits = ['--testTimeout', '6000', '--hookTimeout', '6000']
  const { status, out } = run([vitest, 'run', '--project', 'unit', file, '-t', name, ...limits], copy, 120)
  if (status === 0) return
  // biome-ignore lint/suspicious/noControlCharactersInRegex: colours
  const plain = out.replace(/\u001b\[[\d;]*m/g, '')
  const failed = plain.split('\n').find((line) => /^\s*(×|FAIL) /.test(line))
  if (status !== null && !failed) throw new Error(plain.slice(-2000))
  return `${file}: ${failed?.trim() ?? 'it never ends'}`
}

/** Browser tests that are smaller in `npm test`. */
const LARGE = [
  ...[
    'scenarios/chromium',
    'scenarios/firefox',
    'scenarios/webkit',
    'tables',
    'ownership',
    'drafts',
    'devtools',
    'demo',
  ].map((name) => ['browser', `test/browser/${name}.test.ts`]),
  ['frameworks', 'test/frameworks/frameworks.test.ts'],
]

/** Seeds for one process. About one in thirty is of a given kind of run. */
const PIECE = values.profile ? 40_000 : 2000

/** Runs a process on every core, each with one range of seeds after the other, until the time or the number of runs is reached. */
async function soak() {
  const began = Date.now()
  const until = began + Number(values.minutes) * 60_000
  const end = Number(values.from) + Number(values.runs ?? 'Infinity')
  let next = Number(values.from)
  let runs = 0
  let failed = 0
  async function play() {
    for (let left = until - Date.now(); left > 0 && next < end; left = until - Date.now()) {
      const from = next
      const to = Math.min(from + PIECE, end) - 1
      next = to + 1
      const seconds = `${Math.ceil(left / 1000)}`
      const { status, out } = await start([
        simulation,
        ...['--seeds', `${from}-${to}`, '--seconds', seconds, '--all'],
        ...(values.profile ? ['--profile', values.profile] : []),
      ])
      const [, done] = /^(\d+) runs/m.exec(out) ?? []
      const lines = out.split('\n').filter((line) => /^\d+ runs|^\d+×/.test(line))
      console.log(`from seed ${from}: ${lines.join('\n  ')}`)
      if (!done) throw new Error(out.slice(-2000))
      if (status) failed++
      runs += Number(done)
    }
  }
  await Promise.all(Array.from({ length: availableParallelism() }, play))
  const minutes = ((Date.now() - began) / 60_000).toFixed(1)
  console.log(
    `${runs} runs in ${minutes} minutes, ${failed ? 'with failures' : 'without a failure'}; the next seed is ${next}`,
  )
  if (failed) process.exitCode = 1
}

/** @type {(args: string[]) => Promise<{ status: number | null, out: string }>} */
function start(args) {
  const child = spawn(process.execPath, ['--max-semi-space-size=64', ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  let out = ''
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (text) => {
      out += text
    })
  return new Promise((resolve) => child.on('close', (status) => resolve({ status, out })))
}

/** @type {(file: string, env: Record<string, string>, more?: string[], project?: string) => void} */
function runFile(file, env, more = [], project = 'browser') {
  const vitest = join(root, 'node_modules/vitest/vitest.mjs')
  const options = ['run', '--project', project, '--reporter', 'verbose', file, ...more]
  const { status } = spawnSync(process.execPath, [vitest, ...options], {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, ...env },
  })
  if (status) process.exitCode = 1
}

if (values.kills)
  runFile('test/browser/crash.test.ts', { TIDEMARK_KILLS: values.kills, TIDEMARK_DAMAGE: values.damage })
else if (values.turns) runFile('test/browser/reactions.test.ts', { TIDEMARK_TURNS: values.turns }, ['-t', 'kill -9'])
else if (values.timers)
  runFile(
    'test/reactions/archive.test.ts',
    { TIDEMARK_TIMERS: values.timers },
    ['-t', 'timers of up to 90 days'],
    'unit',
  )
else if (values.freezes)
  runFile('test/browser/chromium.test.ts', { TIDEMARK_FREEZES: values.freezes }, ['-t', 'hazard 6'])
else if (values.cycles)
  runFile('test/browser/chromium.test.ts', { TIDEMARK_CYCLES: values.cycles }, ['-t', 'nothing leaks'])
else if (values.large)
  for (const [project, file = ''] of LARGE.filter(([, file = '']) => file.includes(values.only)))
    runFile(file, { TIDEMARK_LARGE: 'true', TIDEMARK_FLIGHTS: '1,000,000' }, [], project)
else if (values.cluster) runFile('test/remote/nats/cluster.test.ts', { TIDEMARK_CLUSTER: '60' }, [], 'unit')
else if (values.mutations) mutate()
else await soak()
