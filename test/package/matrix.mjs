// `npm run matrix`: the first example of the README, built as written by each bundler and version without any settings. It asks the registry.
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../..', import.meta.url))
const bundlers = [
  { name: 'vite', version: '^5', build: ['vite', 'build'] },
  { name: 'vite', version: '^6', build: ['vite', 'build'] },
  { name: 'vite', version: '^7', build: ['vite', 'build'] },
  { name: 'vite', version: '^8', build: ['vite', 'build'] },
  { name: 'parcel', version: '^2', build: ['parcel', 'build', '--no-cache', 'index.html'] },
]
const wanted = process.argv.slice(2)

/** @type {(command: string, args: readonly string[], cwd: string) => string} */
const run = (command, args, cwd) =>
  execFileSync(command, args, { cwd, encoding: 'utf8', stdio: 'pipe', shell: process.platform === 'win32' })

const folder = mkdtempSync(join(tmpdir(), 'tidemark-matrix-'))
let failed = 0
try {
  const packed = run('npm', ['pack', '--silent', '--pack-destination', folder], root).trim().split('\n').pop()
  const [, example = ''] = /^```ts\n([\s\S]*?)^```/m.exec(readFileSync(join(root, 'README.md'), 'utf8')) ?? []
  const files = example.split(/^\/\/ ([\w.]+\.ts)\b.*$/m)
  for (const { name, version, build } of bundlers) {
    if (wanted.length > 0 && !wanted.includes(`${name}@${version.slice(1)}`)) continue
    const app = join(folder, `${name}${version.slice(1)}`)
    mkdirSync(app)
    const manifest = {
      private: true,
      type: 'module',
      dependencies: { tidemark: `file:${join(folder, packed ?? '')}` },
      devDependencies: { [name]: version },
    }
    writeFileSync(join(app, 'package.json'), JSON.stringify(manifest))
    writeFileSync(
      join(app, 'index.html'),
      '<!doctype html><title>app</title><script type="module" src="./main.ts"></script>',
    )
    for (let at = 1; at < files.length; at += 2) writeFileSync(join(app, files[at] ?? ''), files[at + 1] ?? '')
    try {
      run('npm', ['install', '--prefer-offline', '--no-audit', '--no-fund', '--silent'], app)
      run('npx', build, app)
      console.log(`ok: ${name} ${version}`)
    } catch (error) {
      failed++
      const { stdout = '', stderr = '' } = /** @type {{ stdout?: string, stderr?: string }} */ (error)
      console.log(`FAILED: ${name} ${version}\n${stdout}\n${stderr}\n${error}`)
    }
  }
} finally {
  rmSync(folder, { recursive: true, force: true })
}
process.exitCode = failed > 0 ? 1 : 0
