import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { beforeAll, expect, test } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))
const example = readFileSync(new URL('./example.ts', import.meta.url), 'utf8')
const compile = (): { ok: boolean; output: string } => {
  const { status, stdout } = spawnSync(
    process.execPath,
    ['node_modules/typescript/bin/tsc', '-p', 'test/types', '--extendedDiagnostics'],
    { cwd: root, encoding: 'utf8' },
  )
  return { ok: status === 0, output: stdout }
}
let compiled: ReturnType<typeof compile>
beforeAll(() => {
  compiled = compile()
}, 60_000)

test('the example compiles, and each rejected program is rejected', () => {
  expect(compiled.output).not.toMatch(/error TS/)
  expect(compiled.ok).toBe(true)
})

test('there are 45 rejected programs, each of which says what is rejected', () => {
  const rejected = example.split('\n').filter((line) => line.includes('@ts-expect-error'))
  expect(rejected.length).toBe(45)
  expect(rejected.filter((line) => !/@ts-expect-error \S+ \S+/.test(line))).toEqual([])
})

test("the example's instantiations stay within a budget: the editor answers at each key stroke", () => {
  const instantiations = Number(/^Instantiations: +(\d+)/m.exec(compiled.output)?.[1])
  expect(instantiations).toBeGreaterThan(1000)
  expect(instantiations).toBeLessThan(40_000)
})
