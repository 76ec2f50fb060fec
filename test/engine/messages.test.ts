import 'fake-indexeddb/auto'
import { afterEach, expect, test, vi } from 'vitest'
import { defineEvents, defineModel, event, openEngine, projection, table, value } from '../../src/index.ts'
import { openTestEngine } from '../../src/testing.ts'
import { undoStack } from '../../src/tools.ts'

const warned = vi.spyOn(console, 'warn').mockImplementation(() => {})
afterEach(() => warned.mockClear())

interface Row {
  id: string
  n: number
}
const events = defineEvents({
  added: event<{ id: string }>(),
  counted: event<{ id: string }>(),
  cleared: event(),
  slept: event(),
})
const app = (evolve: object = {}, commands: object = {}) =>
  defineModel({
    name: 'm',
    events,
    projections: {
      rows: projection(events, { into: table<Row>('id'), evolve: { added: () => undefined, ...evolve } }),
      sum: projection(events, { into: value(0), evolve: { slept: (async () => 1) as never } }),
    },
    commands: {
      give: (_, gift: { type: keyof typeof events; data?: { id: string } }) => gift as never,
      ...commands,
    },
  })
const dispatched = async (model: ReturnType<typeof app>, input: unknown, command = 'give') => {
  const engine = await openTestEngine(model)
  return (engine.dispatch as any)[command](input).catch(({ name, message }: Error) => `${name}: ${message}`)
}

test.each([
  ['a command', { type: 'nope' }, /gave an unknown or retired event: \{"type":"nope"\}; it gives events made by/],
  ['an event without its key', { type: 'added', data: {} }, /has no key: its payload has no "id"; let by\.added say/],
  [
    'a row that was not there',
    { type: 'counted', data: { id: 'a' } },
    /another "id" than "a": undefined\. There was no such row/,
  ],
  ['a fold that waits', { type: 'slept' }, /sum: evolve\.slept is asynchronous: an event carries all/],
])('%s that is wrong: the message names the value and the next step', async (_, input, message) => {
  const counted = (row: Row | undefined) => ({ ...row, n: (row?.n ?? 0) + 1 })
  expect(await dispatched(app({ counted }), input)).toMatch(message)
})

test('a misspelt command, inverse or model says what there is', async () => {
  expect(await dispatched(app(), {}, 'giev')).toBe('ModelError: unknown command "giev": "m" has give')
  const engine = await openTestEngine(app())
  expect(() => undoStack(engine, { giev: () => undefined } as never)).toThrow('unknown command "giev": "m" has give')
  await expect(openEngine({ name: 'm' } as never)).rejects.toThrow('Pass what defineModel returned')
  expect(() => defineModel({ name: 'm', events, commands: {} } as never)).toThrow('`projections` is missing')
  expect(() => projection(events, { into: value(0) } as never)).toThrow('`evolve` is missing')
})

test('a Date in a payload: the message says what to keep of it', () => {
  expect(() => events.added({ id: new Date() as never })).toThrow(
    'an instance of Date (keep getTime() or toISOString()) is not JSON {"path":["id"]}',
  )
})

test('an app that no longer declares an event of its log says so when it opens', async () => {
  const engine = await openEngine(app({ added: (_: unknown, { data }: any) => data }), { name: 'before' })
  await engine.dispatch.give({ type: 'added', data: { id: 'a' } })
  await engine.close()
  const fewer = defineEvents({ cleared: event() })
  await openEngine(defineModel({ name: 'm', events: fewer, projections: {}, commands: {} }), { name: 'before' })
  expect(warned.mock.calls).toEqual([
    [expect.stringMatching(/"before" opens outdated\. .*it was removed.*\.retired\(\) \{"type":"added","version":1\}/)],
  ])
})
