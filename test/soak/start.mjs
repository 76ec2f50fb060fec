// npm run soak -- [--minutes 30] [--from 2001]: the simulation runs on, in pieces that a failure prints its seeds of.
// npm run soak -- --mutations [--only 'rule 5'] [--seconds 15]: one deliberate mistake after the other has to be found.
// npm run soak -- --kills 100: kill -9 of Chromium in a storm of writes; --damage 3: IndexedDB's files are damaged after every third. --freezes 20: of a tab that writes.
// npm run soak -- --cycles 1000: engines opened and closed in one page, and every fifth time its worker ended.
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { mutations } from './mutations.mjs'

const root = fileURLToPath(new URL('../..', import.meta.url))
const simulation = join(root, 'test/simulation/start.mjs')
const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '30' },
    from: { type: 'string', default: '2001' },
    mutations: { type: 'boolean', default: false },
    only: { type: 'string', default: '' },
    seconds: { type: 'string', default: '15' },
    kills: { type: 'string' },
    damage: { type: 'string', default: '0' },
    freezes: { type: 'string' },
    cycles: { type: 'string' },
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
  for (const name of ['src', 'test', 'vite.config.ts', 'package.json', 'tsconfig.json'])
    cpSync(join(root, name), join(copy, name), {
      recursive: true,
      filter: (path) => !path.includes('node_modules') && !path.includes('test/bench'),
    })
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'))
  const chosen = mutations.filter(({ name }) => name.includes(values.only))
  let killed = 0
  for (const { name, file, from, to, profiles, tests } of chosen) {
    const path = join(copy, 'src', file)
    const source = readFileSync(path, 'utf8')
    if (source.split(from).length !== 2) {
      console.log(`NOT APPLIED ${name}: ${file} does not hold its string once`)
      continue
    }
    writeFileSync(
      path,
      source.replace(from, () => to),
    )
    const by = simulated(copy, profiles) ?? tested(copy, tests)
    writeFileSync(path, source)
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
  const { status, out } = run([simulation, ...options, '--profile', profiles], root, 3 * seconds + 30)
  if (status === null) return 'simulation: it never ends'
  const found = out.split('\n').find((line) => /^\d+× seed/.test(line))
  // Anything else is no finding but a mistake of this script.
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

function soak() {
  const until = Date.now() + Number(values.minutes) * 60_000
  let from = Number(values.from)
  let runs = 0
  while (Date.now() < until) {
    const seconds = Math.min(300, Math.ceil((until - Date.now()) / 1000))
    const { status, out } = run(
      [simulation, '--seeds', `${from}-1000000000`, '--seconds', `${seconds}`, '--all'],
      root,
      2 * seconds + 60,
    )
    const done = Number(/^(\d+) runs/m.exec(out)?.[1])
    console.log(
      `from seed ${from}: ${out
        .split('\n')
        .filter((line) => /^\d+ runs|^\d+×/.test(line))
        .join('\n  ')}`,
    )
    if (status) process.exitCode = 1
    if (!done) throw new Error(out.slice(-2000))
    from += done
    runs += done
  }
  console.log(`${runs} runs; the next seed is ${from}`)
}

/** @type {(file: string, env: Record<string, string>, more?: string[]) => void} */
function inBrowser(file, env, more = []) {
  const vitest = join(root, 'node_modules/vitest/vitest.mjs')
  const options = ['run', '--project', 'browser', '--reporter', 'verbose', file, ...more]
  const { status } = spawnSync(process.execPath, [vitest, ...options], {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, ...env },
  })
  if (status) process.exitCode = 1
}

if (values.kills)
  inBrowser('test/browser/crash.test.ts', { TIDEMARK_KILLS: values.kills, TIDEMARK_DAMAGE: values.damage })
else if (values.freezes)
  inBrowser('test/browser/chromium.test.ts', { TIDEMARK_FREEZES: values.freezes }, ['-t', 'hazard 6'])
else if (values.cycles)
  inBrowser('test/browser/chromium.test.ts', { TIDEMARK_CYCLES: values.cycles }, ['-t', 'nothing leaks'])
else if (values.mutations) mutate()
else soak()
