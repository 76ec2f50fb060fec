import { readdirSync, readFileSync } from 'node:fs'
import { join, sep } from 'node:path'
import { expect, it } from 'vitest'
import { root } from './run.ts'

/** Phrases that make readers stop; each has a plain one that says the same. Written in parts, so that this file has none. */
const riddles = ['who|ever', 'stands| there', 'gives| way', 'gave| way', 'comes| back', 'of| these', 'what is| no']
const riddle = new RegExp(`\\b(${riddles.map((one) => one.replace('|', '')).join('|')})\\b`, 'i')

/** Folders that tools write. */
const left = /(^|\/)(node_modules|dist|build|\.next|\.output|\.svelte-kit|\.astro|\.angular|results|generated)\//

const filesIn = (folder: string): string[] =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .map((file) => `${folder}/${file.split(sep).join('/')}`)
    .filter((file) => /\.(tsx?|mts|mjs|js|css|html|md|vue|svelte|conf|txt|sh)$/.test(file) && !left.test(file))

it('no file has a phrase that readers stop at', () => {
  const files = [...['src', 'test', 'demo'].flatMap(filesIn), 'README.md', 'CHANGELOG.md']
  expect(files.length).toBeGreaterThan(400)
  const found = files.flatMap((file) =>
    readFileSync(join(root, file), 'utf8')
      .split('\n')
      .flatMap((line, i) => (riddle.test(line) ? `${file}:${i + 1} ${line.trim().slice(0, 120)}` : [])),
  )
  expect(found).toEqual([])
})
