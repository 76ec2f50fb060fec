import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../../..', import.meta.url))

const fingerprint = (paths: readonly string[]) => {
  const hash = createHash('sha256')
  for (const path of paths) {
    const full = join(root, path)
    if (!existsSync(full)) continue
    const files = statSync(full).isDirectory()
      ? readdirSync(full, { recursive: true, encoding: 'utf8' })
          .filter((file) => !file.includes('node_modules'))
          .map((file) => join(full, file))
      : [full]
    for (const file of files.sort()) {
      const { mtimeMs, size } = statSync(file)
      hash.update(`${file} ${mtimeMs} ${size}\n`)
    }
  }
  return hash.digest('hex')
}

const build = (mode: 'pages' | 'demo', sources: readonly string[]) => {
  const folder = join(root, 'build', mode)
  const stamp = join(root, 'build', `${mode}.stamp`)
  const now = fingerprint(['src', 'vite.config.ts', 'package.json', 'package-lock.json', ...sources])
  if (existsSync(stamp) && existsSync(folder) && readFileSync(stamp, 'utf8') === now) return folder
  // A process of its own: inside Vitest this would be a build for tests, with development checks in it.
  const { VITEST: _, NODE_ENV: __, ...env } = process.env
  execFileSync(
    process.execPath,
    [join(root, 'node_modules/vite/bin/vite.js'), 'build', '--mode', mode, '--logLevel', 'warn'],
    {
      cwd: root,
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  )
  mkdirSync(join(root, 'build'), { recursive: true })
  writeFileSync(stamp, now)
  return folder
}

/** The production build of test/browser/pages: a page for each folder with an index.html, built again only when a source changed. */
export const buildPages = () => build('pages', ['test/browser/pages'])

/** The production build of the demo, as `npm start` serves it. */
export const buildDemo = () => build('demo', ['demo'])
