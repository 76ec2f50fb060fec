import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../..', import.meta.url))
const folder = join(root, 'build/reference')
const generator = join(root, 'demo/reference/generate.mjs')

/** `index` lists the exports of all entries; every other page is an entry. */
export type Reference = readonly { readonly name: string; readonly text: string }[]

/** The API reference as markdown. It is generated from the comments in src, and again only if src has changed. */
export async function readReference(): Promise<Reference> {
  const stamp = join(folder, 'stamp')
  const now = fingerprint()
  if (!existsSync(stamp) || readFileSync(stamp, 'utf8') !== now) {
    rmSync(folder, { recursive: true, force: true })
    // TypeDoc needs the version of TypeScript in its own workspace.
    execFileSync(process.execPath, [generator, folder], { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] })
    writeFileSync(stamp, now)
  }
  const names = readdirSync(folder)
    .filter((file) => file.endsWith('.md'))
    .map((file) => file.slice(0, -3))
  // The main entry comes first.
  const rank = (name: string) => (name === 'index' ? 0 : name === 'tidemark' ? 1 : 2)
  return names
    .sort((a, b) => rank(a) - rank(b) || a.localeCompare(b))
    .map((name) => ({ name, text: readFileSync(join(folder, `${name}.md`), 'utf8') }))
}

/** A hash of the contents, so that a fresh checkout or a touched file generates nothing. */
function fingerprint(): string {
  const hash = createHash('sha256')
  const src = join(root, 'src')
  const files = readdirSync(src, { recursive: true, encoding: 'utf8' })
    .filter((file) => /\.tsx?$/.test(file))
    .sort()
    .map((file) => join(src, file))
  for (const file of [...files, generator, join(root, 'package.json'), join(root, 'demo/reference/package.json')])
    hash.update(`${file}\n`).update(readFileSync(file))
  return hash.digest('hex')
}
