import { readdirSync, readFileSync } from 'node:fs'
import { join, sep } from 'node:path'
import { expect, it } from 'vitest'
import { root } from './run.ts'

/** Phrases that make readers stop. Each has a plain alternative. They are written in parts, so that this file does not contain them. */
const riddles = ['who|ever', 'stands| there', 'gives| way', 'gave| way', 'comes| back', 'of| these', 'what is| no']
/** Matches a phrase, also if a line break of a comment or a paragraph divides it. */
const riddle = new RegExp(
  `\\b(${riddles.map((one) => one.replace('|', '').replaceAll(' ', '[\\s*/#]+')).join('|')})\\b`,
  'gi',
)

/** Folders that tools write. */
const generated = /(^|\/)(node_modules|dist|build|\.next|\.output|\.svelte-kit|\.astro|\.angular|results|generated)\//
/** Text files, and files without an extension. */
const prose = /\.(tsx?|mts|mjs|js|css|html|md|vue|svelte|conf|txt|sh|json|svg)$|(^|\/)[^./]+$/

/** The phrases in a file, each with the line on which it starts. */
const riddlesIn = (file: string, text: string): string[] =>
  [...text.matchAll(riddle)].map(({ 0: found, index }) => {
    const line = text.slice(0, index).split('\n').length
    return `${file}:${line} ${found.replace(/\s+/g, ' ')}`
  })

const filesIn = (folder: string): string[] =>
  readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((one) => one.isFile())
    .map((one) => join(one.parentPath, one.name).slice(root.length).split(sep).join('/').replace(/^\//, ''))
    .filter((file) => prose.test(file) && !generated.test(file))

it('no file has a phrase that readers stop at', () => {
  const files = [...['src', 'test', 'demo'].flatMap(filesIn), 'README.md', 'CHANGELOG.md']
  for (const one of ['src/index.ts', 'test/package/run.ts', 'demo/index.html', 'demo/threads/ui/Welcome.tsx'])
    expect(files).toContain(one)
  expect(files.length).toBeGreaterThan(1000)
  expect(files.flatMap((file) => riddlesIn(file, readFileSync(join(root, file), 'utf8')))).toEqual([])
})

it('finds a phrase in any text, also across the lines of a comment', () => {
  const [first, second] = ['stands| there', 'of| these'].map((one) => one.split('|')) as [string[], string[]]
  const code = `const a = 'It ${first.join('')}'\n/**\n * One ${second[0]}\n *${second[1]} files.\n */\n// ${second[0]}\n//${second[1]}`
  expect(riddlesIn('a.ts', code)).toHaveLength(3)
  expect(riddlesIn('a.ts', 'The best of the others. Notwhoeverlong.')).toEqual([])
})
