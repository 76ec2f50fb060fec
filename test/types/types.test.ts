import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { beforeAll, expect, test } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))
const read = (file: string): string => readFileSync(join(root, 'test/types', file), 'utf8')
const example = read('example.ts')

interface Compiled {
  readonly ok: boolean
  readonly output: string
  readonly instantiations: number
}
const compile = (project: string): Compiled => {
  const { status, stdout } = spawnSync(
    process.execPath,
    ['node_modules/typescript/bin/tsc', '-p', project, '--extendedDiagnostics'],
    { cwd: root, encoding: 'utf8' },
  )
  return {
    ok: status === 0,
    output: stdout,
    instantiations: Number(/^Instantiations: +(\d+)/m.exec(stdout)?.[1]),
  }
}

/** Writes an app as a separate project, so that each app has its own figures. */
function project(name: string, files: Record<string, string>): string {
  const folder = join(root, 'build/types', name)
  mkdirSync(folder, { recursive: true })
  for (const [file, text] of Object.entries(files)) writeFileSync(join(folder, file), text)
  const config = {
    extends: '../../../test/types/tsconfig.json',
    compilerOptions: { paths: { tidemark: ['../../../src/index.ts'], 'tidemark/*': ['../../../src/*.ts'] } },
    include: ['.'],
    files: ['../../../src/env.d.ts'],
  }
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config))
  return folder
}

let compiled: Compiled
beforeAll(() => {
  compiled = compile('test/types')
}, 60_000)

test('the example compiles, and each rejected program is rejected', () => {
  expect(compiled.output).not.toMatch(/error TS/)
  expect(compiled.ok).toBe(true)
})

test('the comment of each rejected program says what is rejected', () => {
  const rejected = example.split('\n').filter((line) => line.includes('@ts-expect-error'))
  expect(rejected.length).toBeGreaterThan(50)
  expect(rejected.filter((line) => !/@ts-expect-error \S+ \S+/.test(line))).toEqual([])
})

test('a message names the properties that are not JSON', () => {
  const app = [
    `import { event, table } from 'tidemark'`,
    'event<{ id: string; list: { when: Date }[] }>()',
    `table<{ id: string; n: number; tags: string[] }>('nr')`,
  ]
  const { output } = compile(project('messages', { 'app.ts': `${app.join('\n')}\nexport {}\n` }))
  expect(output).toMatch(`does not satisfy the constraint '{ id: string; list: { when: "not JSON"; }[]; }'`)
  expect(output).toMatch(`Type 'Date' is not assignable to type '"not JSON"'`)
  expect(output).toMatch(`'"nr"' is not assignable to parameter of type '"id" | "n"'`)
})

test('a command whose input has no type is an error at that command, which says what to write', () => {
  const app = [
    `import { defineEvents, defineModel, event } from 'tidemark'`,
    'const events = defineEvents({ added: event<{ id: string }>() })',
    `defineModel({ name: 'm', events, projections: {}, commands: {`,
    '  add: (_, { id }: { id: string }) => events.added({ id }),',
    '  copy: (_, { id }) => events.added({ id }),',
    '} })',
  ]
  const { output } = compile(project('unannotated', { 'app.ts': `${app.join('\n')}\nexport {}\n` }))
  expect(output.match(/app\.ts\(\d+,\d+\): error/g)).toEqual(['app.ts(5,3): error'])
  expect(output).toMatch('the input of this command has no type: write (read, input: { … })')
})

test('the type instantiations of the example stay within a budget, because the editor answers at each key stroke', () => {
  const entries = ['tidemark', 'tidemark/worker', 'tidemark/react', 'tidemark/testing', 'tidemark/tools']
  const imports = entries.map((entry) => `import '${entry}'\n`).join('')
  // The cost of the sources does not count, because an app reads only their declarations.
  const sources = compile(project('imports', { 'app.ts': `${imports}export {}\n` }))
  expect(sources.ok, sources.output).toBe(true)
  const cost = compiled.instantiations - sources.instantiations
  expect(cost).toBeGreaterThan(1000)
  // History: 10.0 k at first, 13.0 k with commands by name in React's binding, 14.1 k with drafts, 14.5 k with receipts by durability.
  expect(cost).toBeLessThan(14_700)
})

test('events with former versions cost the compiler at most twice as much as the same app without them', () => {
  const app = read('evolution/app.ts')
  const none = compile(project('none', { 'app.ts': 'export {}\n' }))
  const plain = compile(project('plain', { 'app.ts': app, 'events.ts': read('evolution/plain.ts') }))
  const evolved = compile(project('evolved', { 'app.ts': app, 'events.ts': read('evolution/events.ts') }))
  expect([none.ok, plain.ok, evolved.ok], plain.output + evolved.output).toEqual([true, true, true])
  // The cost of the sources and of the platform's declarations does not count.
  const costs = [plain, evolved].map(({ instantiations }) => instantiations - none.instantiations) as [number, number]
  console.log(`instantiations: ${costs[0]} plain, ${costs[1]} evolved`)
  expect(costs[0]).toBeGreaterThan(1000)
  expect(costs[1]).toBeLessThanOrEqual(2 * costs[0])
})
