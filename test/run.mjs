// `npm test`: types, lint, build, then every test. Arguments narrow the tests down: `npm test -- test/log`.
import { spawnSync } from 'node:child_process'
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

/** @type {(title: string, command: string, args: string[]) => void} */
const step = (title, command, args) => {
  const started = Date.now()
  const { status } = spawnSync(command, args, { stdio: 'inherit', shell: process.platform === 'win32' })
  if (status !== 0) failed.push(title)
  console.log(`${status === 0 ? 'ok' : 'FAILED'}: ${title} (${((Date.now() - started) / 1000).toFixed(1)} s)\n`)
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
  step('types', npm, ['run', '--silent', 'types'])
  step('lint', npm, ['run', '--silent', 'lint'])
  step('build', npm, ['run', '--silent', 'build'])
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
