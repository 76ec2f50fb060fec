// `npm test`: types, lint, build, then every test. Arguments narrow the tests down: `npm test -- test/log`.
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { advice, engines, installMissing } from './browser/harness/find.mjs'
import { file } from './count.mjs'
import { installNatsServer, advice as natsAdvice } from './remote/nats/find.mjs'

process.chdir(fileURLToPath(new URL('..', import.meta.url)))
const filters = process.argv.slice(2)
const npx = process.platform === 'win32' ? 'npx.cmd' : 'npx'
const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm'
const failed = []

/** @type {(title: string, command: string, args: string[]) => Promise<boolean>} */
const step = async (title, command, args) => {
  const started = Date.now()
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], shell: process.platform === 'win32' })
  let out = ''
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (text) => {
      out += text
    })
  const status = await new Promise((resolve) => child.on('close', resolve))
  if (status !== 0) failed.push(title)
  const seconds = ((Date.now() - started) / 1000).toFixed(1)
  console.log(`${out.trimEnd()}\n${status === 0 ? 'ok' : 'FAILED'}: ${title} (${seconds} s)\n`)
  return status === 0
}

const found = installMissing()
for (const engine of engines) console.log(`${engine}: ${found[engine]?.path ?? `not found; ${advice[engine]}`}`)
const missing = engines.filter((engine) => !found[engine])
if (missing.length > 0) {
  if (process.env.CI === 'true') failed.push(`browsers: ${missing.join(', ')}`)
  else console.log(`its tests are skipped: ${missing.join(', ')}`)
}
const natsServer = installNatsServer()
console.log(`nats-server: ${natsServer ?? `not found; its tests are skipped; ${natsAdvice}`}`)
if (!natsServer && process.env.CI === 'true') failed.push('nats-server')
console.log()

if (filters.length === 0) {
  const [built] = await Promise.all([
    step('build', npm, ['run', '--silent', 'build']),
    // The build checks the types of the sources.
    step('types', npx, ['tsc', '-p', 'tsconfig.json']),
    step('lint', npm, ['run', '--silent', 'lint']),
  ])
  // The tests of the package need not build it again.
  if (built) process.env.TIDEMARK_BUILT = 'true'
}

rmSync(file, { force: true })
const { status } = spawnSync(npx, ['vitest', 'run', '--reporter=default', '--reporter=./test/count.mjs', ...filters], {
  stdio: 'inherit',
  shell: process.platform === 'win32',
})
let tests = { passed: 0, failed: 0 }
if (existsSync(file)) tests = JSON.parse(readFileSync(file, 'utf8'))
else failed.push('the test runner')
if (failed.length > 0) console.log(`FAILED: ${failed.join('; ')}`)
console.log(`${tests.passed} passed, ${tests.failed + failed.length} failed`)
process.exitCode = failed.length + tests.failed > 0 || status !== 0 ? 1 : 0
