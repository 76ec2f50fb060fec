import { spawnSync } from 'node:child_process'
import { existsSync, statSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

// The peers are many and large, so they are installed on first use and never by the package's own `npm ci`.
const folder = fileURLToPath(new URL('.', import.meta.url))
const installed = `${folder}node_modules/.package-lock.json`
/** @param {string[]} args */
const npm = (...args) => {
  const { status } = spawnSync('npm', args, { cwd: folder, stdio: 'inherit', shell: process.platform === 'win32' })
  if (status !== 0) process.exit(status ?? 1)
}
const given = process.argv.slice(2)
// The figures of sync need no peers.
if (given.join(' ').includes('--only sync')) await import('./sync/start.mjs')
else {
  if (!existsSync(installed) || statSync(installed).mtimeMs < statSync(`${folder}package-lock.json`).mtimeMs) npm('ci')
  npm('run', '--silent', given.join(' ').includes('--only reach') ? 'reach' : 'bench', '--', ...given)
}
