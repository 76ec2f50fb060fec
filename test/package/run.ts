import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = fileURLToPath(new URL('../..', import.meta.url))

/** Runs a program without the environment of the test run. Returns its output. If the program fails, the error has the output. */
export const run = (command: string, args: readonly string[], cwd: string = root): string => {
  const { VITEST: _, NODE_ENV: __, ...env } = process.env
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    cwd,
    env,
    encoding: 'utf8',
    maxBuffer: 1 << 26,
    shell: process.platform === 'win32',
  })
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} failed\n${stdout}\n${stderr}`, { cause: error })
  return stdout
}

/** Packs this package, or a package inside it, into a new folder. `TIDEMARK_BUILT` says that the package is already built. */
export const pack = (of: string = root) => {
  const folder = mkdtempSync(join(tmpdir(), 'tidemark-pack-'))
  const scripts = process.env.TIDEMARK_BUILT ? ['--ignore-scripts'] : []
  const output = run('npm', ['pack', '--silent', ...scripts, '--pack-destination', folder], of)
  const name = output.trim().split('\n').pop() ?? ''
  return { tarball: join(folder, name), remove: () => rmSync(folder, { recursive: true, force: true }) }
}
