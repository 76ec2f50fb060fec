import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { longest } from './longestFirst.ts'

// Every guarantee, every rule of the protocol and every hazard has tests named after it, and the guide links to them.
const root = fileURLToPath(new URL('..', import.meta.url))
const counts = { guarantee: 12, rule: 20, hazard: 19 } as const
type Kind = keyof typeof counts

/** 'guarantees 2 and 5, hazard 1' names three. */
const namedBy = (label: string): string[] => {
  let kind = ''
  return label.split(/, | and /).flatMap((part) => {
    const [, word, number] = /^(?:(guarantee|rule|hazard)s? )?(\d+)$/.exec(part.trim()) ?? []
    if (word) kind = word
    return number && kind ? [`${kind} ${number}`] : []
  })
}
const namesIn = (file: string): Set<string> =>
  new Set(
    [...readFileSync(`${root}${file}`, 'utf8').matchAll(/['"`]((?:guarantee|rule|hazard)s? \d[^'"`:]*)[:']/g)].flatMap(
      ([, label = '']) => namedBy(label),
    ),
  )
const files = readdirSync(`${root}test`, { recursive: true, encoding: 'utf8' })
  .map((file) => `test/${file.replaceAll('\\', '/')}`)
  .filter((file) => /^test\/(?!bench|soak|simulation).*\.tsx?$/.test(file) && !file.includes('node_modules'))
const named = new Set(files.flatMap((file) => [...namesIn(file)]))

test.each(Object.entries(counts) as [Kind, number][])('every %s of %i has a test named after it', (kind, count) => {
  const missing = Array.from({ length: count }, (_, i) => `${kind} ${i + 1}`).filter((one) => !named.has(one))
  expect(missing).toEqual([])
})

// S10, that a remote sees no names and no events, is not built.
test('every guarantee of a log with a remote has a test named after it', () => {
  const sources = files.filter((file) => file.startsWith('test/sync/')).map((file) => readFileSync(root + file, 'utf8'))
  const labels = sources.flatMap((text) => [...text.matchAll(/['"`]((?:S\d+(?: and )?)+):/g)].map(([, label]) => label))
  const found = new Set(labels.flatMap((label) => label?.split(' and ')))
  const wanted = [1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12].map((n) => `S${n}`)
  expect(wanted.filter((one) => !found.has(one))).toEqual([])
})

test('every file that begins first exists', () => {
  expect(longest.filter((file) => !existsSync(`${root}${file}`))).toEqual([])
})

describe('the guide', () => {
  const text = readFileSync(`${root}demo/guide/reliability.md`, 'utf8')
  const section = /## Guarantees\n([\s\S]*?)\n## /.exec(text)?.[1] ?? ''
  const items = section.split(/^(?=\d+\. )/m).filter((item) => /^\d/.test(item))
  test('lists every guarantee', () => {
    expect(items.map((item) => Number.parseInt(item, 10))).toEqual(Array.from({ length: 12 }, (_, i) => i + 1))
  })
  test.each(items)('%s', (item) => {
    const number = Number.parseInt(item, 10)
    const [, links = '', engines = ''] = /^ +\((.*): (.*)\)$/m.exec(item) ?? []
    const linked = [...links.matchAll(/\]\(\.\.\/\.\.\/([^)]+)\)/g)].map(([, file = '']) => file)
    expect(linked.length).toBeGreaterThan(0)
    for (const file of linked) {
      expect(existsSync(`${root}${file}`), file).toBe(true)
      const names = file.startsWith('test/simulation')
        ? new Set(readFileSync(`${root}${file}`, 'utf8').match(/guarantee \d+/g))
        : namesIn(file)
      expect([...names], file).toContain(`guarantee ${number}`)
    }
    // Scenarios run in all three browsers, other browser tests in Chromium, the rest in Node.
    const played = linked.some((file) => file.startsWith('test/browser/scenarios/'))
    const alone = linked.some((file) => /^test\/browser\/\w+\.test\.ts$/.test(file))
    expect(engines).toBe(played ? 'Chromium, Firefox, WebKit' : alone ? 'Chromium' : 'Node')
  })
})
