import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { codeBlocks, fileBlocks, withImports } from './readme.ts'
import { root, run } from './run.ts'

const guide = readdirSync(join(root, 'demo/guide'))
  .filter((file) => file.endsWith('.md'))
  .map((file) => `demo/guide/${file}`)
const pages = ['README.md', ...guide].map((file) => ({ file, text: readFileSync(join(root, file), 'utf8') }))
const readme = pages[0]?.text ?? ''

/** The anchor that GitHub gives a heading. */
const anchorOf = (heading: string): string =>
  heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-')
const anchorsOf = (text: string): string[] =>
  [...text.matchAll(/^#{1,6} (.+)$/gm)].map(([, heading = '']) => anchorOf(heading))

const folder = join(root, 'build/readme')
/** Snippets with a specification. They run without a database, so their claims are checked. */
const specifications: string[] = []
/** The page that shows each file. */
const files = new Map<string, string>()

it('every snippet of README and guide compiles', () => {
  rmSync(folder, { recursive: true, force: true })
  const write = (file: string, text: string) => {
    mkdirSync(dirname(join(folder, file)), { recursive: true })
    writeFileSync(join(folder, file), text)
  }
  let written = 0
  for (const { file, text } of pages) {
    for (const [name, code] of fileBlocks(text)) {
      expect(files.get(name), `${file} and ${files.get(name)} both have a file ${name}`).toBeUndefined()
      files.set(name, file)
      write(name, code)
    }
    const snippets = codeBlocks(text).filter((block) => fileBlocks(`\`\`\`ts\n${block.text}\`\`\``).size === 0)
    snippets.forEach(({ language, text }, index) => {
      written++
      const name = `${file.replaceAll(/\W+/g, '-')}-${index + 1}.${language}`
      write(name, withImports(text))
      if (/\bgiven\(/.test(text)) specifications.push(name)
    })
  }
  write(
    'tsconfig.json',
    JSON.stringify({
      extends: '../../tsconfig.json',
      compilerOptions: {
        allowJs: false,
        checkJs: false,
        paths: { tidemark: ['../../src/index.ts'], 'tidemark/*': ['../../src/*.ts'] },
      },
      include: ['.', '../../src/env.d.ts'],
    }),
  )
  expect(written).toBeGreaterThan(10)
  expect(() => run(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', folder])).not.toThrow()
})

it('every specification of README and guide holds', async () => {
  expect(specifications.length).toBeGreaterThan(1)
  for (const name of specifications) await import(join(folder, name))
})

it('every test that the guide shows passes', () => {
  expect([...files.keys()].filter((name) => /\.test\.tsx?$/.test(name)).length).toBeGreaterThan(1)
  const alias = JSON.stringify([
    { find: '^tidemark$', replacement: join(root, 'src/index.ts') },
    { find: '^tidemark/(.*)$', replacement: join(root, 'src/$1.ts') },
  ])
  writeFileSync(
    join(folder, 'vitest.config.ts'),
    `export default {
  resolve: { alias: ${alias}.map(({ find, replacement }) => ({ find: new RegExp(find), replacement })) },
  define: { __DEV__: 'true' },
}`,
  )
  expect(() =>
    run(process.execPath, [join(root, 'node_modules/vitest/vitest.mjs'), 'run', '--pool', 'threads'], folder),
  ).not.toThrow()
})

describe('the README', () => {
  it('has at most 250 lines and 15 kB, so that a visitor reads it', () => {
    expect(readme.split('\n').length).toBeLessThanOrEqual(251)
    expect(Buffer.byteLength(readme)).toBeLessThanOrEqual(15_360)
  })

  it('has no line over 140 characters outside code and tables', () => {
    const prose = readme.replace(/^```[\s\S]*?^```/gm, '').split('\n')
    expect(prose.filter((line) => line.length > 140 && !line.startsWith('|'))).toEqual([])
  })
})

/** The most words of a sentence: on average over a page, and of each sentence. */
const AVERAGE_WORDS = 20
const MOST_WORDS = 40

/** The words of each sentence: without code, tables, headings and pictures. */
const sentencesOf = (text: string): string[][] =>
  text
    .replace(/^```[\s\S]*?^```/gm, '')
    .replace(/^\s*(?:[|#]|!\[).*$/gm, '')
    .replace(/^\s*(?:[-*]|\d+\.) /gm, '\n\n')
    .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
    .split(/\n\s*\n/)
    .flatMap((paragraph) => paragraph.trim().split(/(?<=[.!?][*_)]*)\s+/))
    .map((sentence) => sentence.split(/\s+/).filter((word) => /\w/.test(word)))
    .filter((words) => words.length > 0)

it.each(pages)('$file has short sentences', ({ text }) => {
  const sentences = sentencesOf(text)
  const average = sentences.reduce((sum, words) => sum + words.length, 0) / sentences.length
  expect(average).toBeLessThanOrEqual(AVERAGE_WORDS)
  expect(sentences.filter((words) => words.length > MOST_WORDS).map((words) => words.join(' '))).toEqual([])
})

it('the contents of the guide name each page once', () => {
  const contents: { title: string; pages: string[] }[] = JSON.parse(
    readFileSync(join(root, 'demo/guide/contents.json'), 'utf8'),
  )
  expect(contents.flatMap(({ pages }) => pages.map((page) => `demo/guide/${page}.md`)).sort()).toEqual(
    [...guide].sort(),
  )
})

/** Figures of a text: numbers with a unit, or a ratio. */
const figuresIn = (text: string): string[] =>
  [...text.matchAll(/(?<![\w.,])(\d[\d,]*(?:\.\d+)?) (?:ms|kB|MB|bytes|×)|× (\d+(?:\.\d+)?)/g)].map(
    ([, plain, ratio]) => (plain ?? ratio ?? '').replaceAll(',', ''),
  )

describe('figures in prose', () => {
  const bench = readFileSync(join(root, 'test/bench/README.md'), 'utf8')
  const sections = new Map(
    bench.split(/^(?=#{2,3} )/m).map((text) => [anchorOf(/^#+ (.+)$/m.exec(text)?.[1] ?? ''), text] as const),
  )
  /** Rows of tables and paragraphs that link to a section of the bench file. */
  const claims = pages.flatMap(({ file, text }) =>
    text
      .replace(/^```[\s\S]*?^```/gm, '')
      .split(/\n\n|\n(?=[|-])/)
      .flatMap((claim) => {
        const anchors = [...claim.matchAll(/bench\/README\.md#([\w-]+)\)/g)].map(([, anchor = '']) => anchor)
        return anchors.length ? [{ file, claim, anchors }] : []
      }),
  )

  it('are in the section of the bench file that they link to', () => {
    const checked = claims.flatMap(({ file, claim, anchors }) => {
      const known = anchors
        .flatMap((anchor) => [...(sections.get(anchor) ?? '').matchAll(/\d[\d,]*(?:\.\d+)?/g)])
        .map(([number]) => Number(number.replaceAll(',', '')))
      return figuresIn(claim).map((figure) => {
        const digits = figure.split('.')[1]?.length ?? 0
        return {
          figure: `${file}: ${figure} in ${claim.trim()}`,
          holds: known.some((one) => one.toFixed(digits) === figure),
        }
      })
    })
    expect(checked.length).toBeGreaterThan(15)
    expect(checked.filter(({ holds }) => !holds).map(({ figure }) => figure)).toEqual([])
  })
})

it.each(pages)('$file links to files and headings that exist', ({ file, text }) => {
  const links = [...text.replace(/^```[\s\S]*?^```/gm, '').matchAll(/\]\(([^)\s]+)\)/g)].map(([, link = '']) => link)
  const broken = links.filter((link) => {
    if (/^\w+:/.test(link)) return false
    const [path = '', anchor] = link.split('#')
    const target = path ? join(root, dirname(file), path) : join(root, file)
    if (!existsSync(target)) return true
    return anchor !== undefined && !anchorsOf(readFileSync(target, 'utf8')).includes(anchor)
  })
  expect(broken).toEqual([])
})
