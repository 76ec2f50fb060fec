import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

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

type Mode = 'pages' | 'demo'

const sources: Readonly<Record<Mode, readonly string[]>> = { pages: ['test/browser/pages'], demo: ['demo'] }
const folderOf = (mode: Mode) => join(root, 'build', mode)
const stampOf = (mode: Mode) => join(root, 'build', `${mode}.stamp`)
const printOf = (mode: Mode) =>
  fingerprint(['src', 'vite.config.ts', 'package.json', 'package-lock.json', ...sources[mode]])

/** Builds what is missing or was built from other sources. Runs once, because tests that build side by side would disturb each other. */
export const buildAll = async () => {
  const build = async (mode: Mode) => {
    const now = printOf(mode)
    const stamp = stampOf(mode)
    if (existsSync(stamp) && existsSync(folderOf(mode)) && readFileSync(stamp, 'utf8') === now) return
    // Builds in a separate process: inside Vitest it would be a build for tests, with development checks.
    const { VITEST: _, NODE_ENV: __, ...env } = process.env
    const vite = join(root, 'node_modules/vite/bin/vite.js')
    await promisify(execFile)(process.execPath, [vite, 'build', '--mode', mode, '--logLevel', 'warn'], {
      cwd: root,
      env,
    })
    mkdirSync(join(root, 'build'), { recursive: true })
    writeFileSync(stamp, now)
  }
  await Promise.all([build('pages'), build('demo')])
}

const built = (mode: Mode): string => {
  if (existsSync(stampOf(mode))) return folderOf(mode)
  throw new Error(`build/${mode} was not built: the globalSetup of this project has to call buildAll()`)
}

/** The production build of test/browser/pages: a page for each folder with an index.html. */
export const buildPages = () => built('pages')

/** The production build of the demo, as `npm start` serves it. */
export const buildDemo = () => built('demo')
