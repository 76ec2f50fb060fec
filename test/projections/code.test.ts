import 'fake-indexeddb/auto'
import { defineEvents, defineModel, event, openEngine, projection, value } from 'tidemark'
import { afterEach, expect, test, vi } from 'vitest'
import { codeOf, warnOfChange } from '../../src/projections/code.ts'
import { freshName } from '../engine/todos.ts'

const events = defineEvents({ added: event<{ n: number }>() })
const app = (evolve: (sum: number, event: { data: { n: number } }) => number, version = 1, initial = 0) =>
  defineModel({
    name: 'sums',
    events,
    projections: {
      sum: projection(events, { into: value(initial), version, evolve: { added: evolve } }),
      last: projection(events, { into: value(0), evolve: { added: (_, { data }) => data.n } }),
    },
    commands: { add: (_, n: number) => events.added({ n }) },
  })
const plus = () => app((sum, { data }) => sum + data.n)
const minus = (version?: number) => app((sum, { data }) => sum - data.n, version)

const warned = vi.spyOn(console, 'warn').mockImplementation(() => {})
afterEach(() => warned.mockClear())

async function visit(
  model: ReturnType<typeof plus>,
  name: string,
  then = async (_: Awaited<ReturnType<typeof openEngine>>) => {},
) {
  const engine = await openEngine(model, { name })
  await engine.dispatch.add(1)
  await engine.projected()
  await then(engine as never)
  await engine.close()
}

test('development: a projection whose code changed while its version did not is named at every boot, until version or rows change', async () => {
  const name = freshName()
  await visit(plus(), name)
  await visit(plus(), name)
  expect(warned).not.toHaveBeenCalled()
  await visit(minus(), name)
  expect(warned).toHaveBeenCalledTimes(1)
  expect(warned.mock.calls[0]![0]).toMatch(/"sum" has changed .*, its version \(1\) has not/)
  // Other rows of the same version were folded since then: the first rows are still those of the old code.
  await visit(minus(), name)
  expect(warned).toHaveBeenCalledTimes(2)
  await visit(minus(2), name)
  expect(warned).toHaveBeenCalledTimes(2)
  await visit(minus(), name, (engine) => engine.rebuild())
  expect(warned).toHaveBeenCalledTimes(3)
  await visit(minus(), name)
  expect(warned).toHaveBeenCalledTimes(3)
})

test('development: a value with another initial state under the same version is named too', async () => {
  const name = freshName()
  const beginning = (initial: number, version?: number) => app((sum, { data }) => sum + data.n, version, initial)
  await visit(beginning(0), name)
  expect(warned).not.toHaveBeenCalled()
  await visit(beginning(100), name)
  expect(warned).toHaveBeenCalledTimes(1)
  expect(warned.mock.calls[0]![0]).toMatch(/"sum" has changed \(by, evolve or the initial value\)/)
  await visit(beginning(100, 2), name)
  expect(warned).toHaveBeenCalledTimes(1)
})

test('a stored description without the initial value does not count as changed code', () => {
  const { sum } = plus().projections
  const fold = { name: 'sum', definition: sum } as never
  const code = codeOf(fold)
  for (const before of [code, code.split('/')[0]!]) warnOfChange(fold, { code: before } as never)
  expect(warned).not.toHaveBeenCalled()
  warnOfChange(fold, { code: `${code.split('/')[0]}/x` } as never)
  expect(warned).toHaveBeenCalledTimes(1)
})
