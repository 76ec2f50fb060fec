import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, posix, sep } from 'node:path'
import { describe, expect, it } from 'vitest'
import { root } from './run.ts'

const ground = [
  'data.ts',
  'ids.ts',
  'errors.ts',
  'caught.ts',
  'remote.ts',
  'async.ts',
  'slices.ts',
  'queue.ts',
  'load.ts',
  'locks.ts',
]
const rooms = [
  'ground',
  'model',
  'log',
  'drafts',
  'copies',
  'projections',
  'sync',
  'engine',
  'reactions',
  'bindings',
  'devtools',
  'testing',
  'nats',
  'entries',
]
const src = join(root, 'src')
const files = readdirSync(src, { recursive: true, encoding: 'utf8' })
  .map((file) => file.split(sep).join('/'))
  .filter((file) => /\.tsx?$/.test(file) && !file.endsWith('.d.ts'))

const roomOf = (file: string) => {
  const [first = '', ...rest] = file.split('/')
  if (file === 'select.ts') return 'bindings'
  return rest.length > 0 ? first : ground.includes(first) ? 'ground' : 'entries'
}

/** The most `import()` in the sources. Each loads a file that a deploy may have removed by then. */
const MOST_LATER = 8

const textOf = (file: string) => readFileSync(join(src, file), 'utf8').replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '')

/** Every module that a file names in `import`, `import type`, `export … from` or `import()`. */
const importsOf = (file: string) => {
  const text = textOf(file)
  return [...text.matchAll(/(?:\bfrom|\bimport)\s*\(?\s*['"]([@\w./-]+)['"]/g)].map(([, name = '']) => name)
}
const targetOf = (file: string, name: string) => posix.join(dirname(file), name)
const outside = files.flatMap((file) =>
  importsOf(file)
    .filter((name) => !name.startsWith('.'))
    .map((name) => ({ file, name })),
)

describe('the rooms', () => {
  it('include every file of src', () => {
    for (const file of files) expect(rooms, `${file} is in no room`).toContain(roomOf(file))
  })

  it('import only from themselves and from rooms to their left', () => {
    const wrong = files.flatMap((file) =>
      importsOf(file)
        .filter((name) => name.startsWith('.'))
        .map((name) => targetOf(file, name))
        .filter((target) => rooms.indexOf(roomOf(target)) > rooms.indexOf(roomOf(file)))
        .map((target) => `${file} → ${target}`),
    )
    expect(wrong).toEqual([])
  })

  it('name existing files of src, extension included', () => {
    const wrong = files.flatMap((file) =>
      importsOf(file)
        .filter((name) => name.startsWith('.') && !files.includes(targetOf(file, name)))
        .map((name) => `${file} → ${name}`),
    )
    expect(wrong).toEqual([])
  })

  it('use dexie and comlink only, each framework only in its binding, and the client of NATS only behind its own entry', () => {
    const frameworks: Record<string, readonly string[]> = {
      'react.ts': ['react'],
      'vue.ts': ['vue'],
      'svelte.ts': ['svelte', 'svelte/reactivity', 'svelte/store'],
      'solid.ts': ['solid-js', 'solid-js/web'],
      'preact.ts': ['preact/hooks'],
      'lit.ts': ['lit'],
      'angular.ts': ['@angular/core'],
    }
    const wrong = outside.filter(
      ({ file, name }) =>
        !['dexie', 'comlink'].includes(name) &&
        !frameworks[file]?.includes(name) &&
        !(name.startsWith('@nats-io/') && roomOf(file) === 'nats') &&
        // The devtools bundle lit.
        !(name === 'lit' && roomOf(file) === 'devtools'),
    )
    expect(wrong).toEqual([])
  })

  it('keep the model free of every dependency', () => {
    expect(outside.filter(({ file }) => ['ground', 'model'].includes(roomOf(file)))).toEqual([])
  })

  it('have no import cycle among files, imports of types and import() included', () => {
    const circles: string[] = []
    const done = new Set<string>()
    const visit = (file: string, path: readonly string[]) => {
      if (!files.includes(file)) return
      if (path.includes(file)) circles.push([...path.slice(path.indexOf(file)), file].join(' → '))
      else if (!done.has(file)) {
        for (const name of importsOf(file)) if (name.startsWith('.')) visit(targetOf(file, name), [...path, file])
        done.add(file)
      }
    }
    for (const file of files) visit(file, [])
    expect(circles).toEqual([])
  })

  it(`load parts later in at most ${MOST_LATER} places, through the loader that retries`, () => {
    const later = files.flatMap((file) =>
      [
        ...textOf(file)
          .replace(/typeof import\([^)]*\)/g, '')
          .matchAll(/.*\bimport\(\s*['"].*/g),
      ].map(([line]) => line),
    )
    expect(later.length).toBeLessThanOrEqual(MOST_LATER)
    expect(later.filter((line) => !/\bpart\(/.test(line))).toEqual([])
  })
})
