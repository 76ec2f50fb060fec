import { fileURLToPath } from 'node:url'
import { parseAst } from 'rolldown/parseAst'
import { expect, test } from 'vitest'
import { changed, parseSources, placeOf, placesOf, type Source } from './anchor.mjs'
import { mutations } from './mutations.mjs'

const root = fileURLToPath(new URL('../../src', import.meta.url))
const sources = parseSources(root)

test('every deliberate mistake has one place in the sources, and leaves a valid program', () => {
  const problems = mutations.flatMap((mutation) => {
    try {
      const place = placeOf(sources, root, mutation)
      parseAst(changed(sources.find(({ path }) => path === place.path)!, place), { lang: 'ts' })
      return []
    } catch (error) {
      return `${mutation.name}: ${(error as Error).message}`
    }
  })
  expect(problems).toEqual([])
})

test('no two deliberate mistakes have the same name', () => {
  expect(new Set(mutations.map(({ name }) => name)).size).toBe(mutations.length)
})

const source = (path: string, text: string): Source => ({
  path,
  text,
  program: parseAst(text, { lang: 'ts' }) as unknown as Source['program'],
})
const files = [
  source(
    '/src/a.ts',
    'export function take(list: readonly string[]) {\n  if (list.length > 1) (list as string[]).pop()\n}',
  ),
  source('/src/b.ts', 'const drop = () => stop()\nconst shop = { drop(n: number) { stop(n!) } }'),
]

test.each([
  ['a function that nobody has', { in: 'gone', find: 'stop()', put: '' }, 'no function is called gone'],
  [
    'a pattern that its function does not hold',
    { in: 'take', find: 'stop()', put: '' },
    'function take (a.ts:1) has no place for stop(); it is at b.ts:1',
  ],
  [
    'a pattern that is there twice',
    { in: 'drop', find: 'stop($$all)', put: '' },
    'function drop has 2 places for stop($$all): b.ts:1, b.ts:2',
  ],
])('%s is told with the places that come near', (_, change, message) => {
  expect(() => placeOf(files, '/src', change)).toThrow(message)
})

test('formatting, types and casts do not count, and the text of a placeholder is kept', () => {
  const [place] = placesOf(files, { in: 'take', find: 'if ($a.length > 1) $a.pop()', put: '$a.shift()' })
  expect(place).toMatchObject({ path: '/src/a.ts', text: 'list.shift()' })
})
