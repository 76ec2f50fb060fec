import { defineEvents, defineModel, event, openEngine, projection, table } from 'tidemark'
import { expect, test, vi } from 'vitest'
import { dump } from '../log/storage.ts'
import { wire } from './channel.ts'
import { ranges, tab } from './kit.ts'
import { collect, freshName, later, outcome, shown } from './todos.ts'

test('a dispatch never throws synchronously', async () => {
  const a = await tab(freshName(), { poison: 'p' })
  const all = [
    () => a.dispatch.add({ title: Number.NaN as never }),
    () => a.dispatch.add({ title: 'p' }),
    () => a.dispatch.toggle({ id: 'x' }),
    () => (a.dispatch as any).nonsense(),
    () => a.dispatch.add({ title: 'x' }, { commandId: '' }),
    () => a.dispatch.add({ title: 'x' }, { commandId: 7 as never }),
    () => a.dispatch.add({ title: 'x' }, { signal: AbortSignal.abort() }),
    () => a.dispatch.add(null as never),
  ]
  for (const one of all) {
    let sent: Promise<unknown> | undefined
    expect(() => (sent = one())).not.toThrow()
    await expect(sent).rejects.toBeInstanceOf(Error)
  }
  expect(a.status).toMatchObject({ sequence: 0, pending: 0 })
})

test('an unknown command is a ModelError that names the known ones', async () => {
  const a = await tab(freshName())
  const message = expect.stringMatching(/unknown command "nonsense": "\w+" has add, /)
  await expect((a.dispatch as any).nonsense({})).rejects.toMatchObject({ name: 'ModelError', message })
  await expect((a.dispatch as any).constructor({})).rejects.toMatchObject({ name: 'ModelError' })
})

test('a rejection that nobody waits for is reported like any other, not swallowed', async () => {
  const a = await tab(freshName())
  const [reported, others] = [vi.fn(), process.listeners('unhandledRejection')]
  process.removeAllListeners('unhandledRejection').on('unhandledRejection', reported)
  try {
    void a.dispatch.toggle({ id: 'nope' })
    await expect.poll(() => reported.mock.calls.map(([error]) => error.name)).toEqual(['CommandRejected'])
  } finally {
    process.removeAllListeners('unhandledRejection')
    for (const one of others) process.on('unhandledRejection', one)
  }
})

test('a dispatch object can be awaited, written as JSON and printed without a surprise', async () => {
  const a = await tab(freshName())
  expect(await a.dispatch).toBe(a.dispatch)
  expect(JSON.stringify(a.dispatch)).toBe('{}')
  expect(Object.prototype.toString.call(a.dispatch)).toBe('[object Object]')
})

test('input is copied at the call: what the caller changes afterwards changes nothing', async () => {
  const name = freshName()
  const a = await tab(name)
  const input = { id: 'x', title: 'before' }
  const sent = a.dispatch.add(input)
  input.title = 'after'
  await sent
  expect(a.read.todos.get('x')?.title).toBe('before')
  expect((await collect(a.history()))[0]?.data).toEqual({ id: 'x', title: 'before' })
})

test('id() and now are fixed for the dispatch: deciding again after a lost race gives the same', async () => {
  const name = freshName()
  wire().fate = () => 0
  const [a, b] = [await tab(name), await tab(name)]
  await a.dispatch.add({ title: 'rival' })
  const sent = b.dispatch.add({ title: 'mine' })
  const id = b.read.todos.all()[0]!.id
  const before = Date.now()
  await later(20)
  const { events } = await sent
  expect(events[0]!.data).toMatchObject({ id })
  expect(events[0]!.at).toBeLessThanOrEqual(before)
  expect(b.read.todos.all().map(({ title }) => title)).toEqual(['rival', 'mine'])
})

test('meta: objects are merged and the properties of the dispatch win; any other value replaces that of the engine', async () => {
  const name = freshName()
  const a = await tab(name, {}, { meta: { user: 'u', tab: 1 } })
  await a.dispatch.addMany({ ids: ['x', 'y'] }, { meta: { tab: 2, form: undefined } })
  await a.dispatch.add({ title: 'z' })
  await a.dispatch.add({ title: 'list' }, { meta: ['only', 'this'] })
  await a.dispatch.add({ title: 'null' }, { meta: null })
  const b = await tab(name)
  await b.dispatch.add({ title: 'none' })
  await b.dispatch.add({ title: 'own' }, { meta: { tab: 3 } })
  expect((await collect(b.history())).map(({ meta }) => meta)).toEqual([
    { user: 'u', tab: 2 },
    { user: 'u', tab: 2 },
    { user: 'u', tab: 1 },
    ['only', 'this'],
    null,
    undefined,
    { tab: 3 },
  ])
})

test('an option that is undefined is an option that is not given', async () => {
  const a = await tab(freshName(), {}, { meta: { user: 'u' } })
  const options = { meta: undefined, signal: undefined, commandId: undefined, durability: undefined }
  const { events } = await a.dispatch.add({ title: 'x' }, options)
  expect(events[0]!.meta).toEqual({ user: 'u' })
})

test('a command that dispatches another is refused, with the way to do it, and leaves nothing', async () => {
  const events = defineEvents({ happened: event<{ id: string }>() })
  const inner = vi.fn((_: unknown, { id }: { id: string }) => events.happened({ id }))
  const model = defineModel({
    name: freshName(),
    events,
    projections: {},
    commands: {
      inner,
      outer: () => {
        engine.dispatch.inner({ id: 'x' }).catch(() => {})
        return events.happened({ id: 'y' })
      },
      right: (read) => [inner(read, { id: 'x' }), events.happened({ id: 'y' })],
    },
  })
  const engine: any = await openEngine(model)
  const message = expect.stringMatching(/"outer" dispatches "inner" .* call the function of "inner" instead/)
  await expect(engine.dispatch.outer()).rejects.toMatchObject({ name: 'ModelError', message })
  expect(inner).not.toHaveBeenCalled()
  expect(await engine.dispatch.right()).toMatchObject({ sequence: 2 })
  expect(await dump(model.name, 'commits')).toHaveLength(1)
  // A subscriber may dispatch: it is told when a command has been decided.
  const sent: Promise<unknown>[] = []
  const end = engine.subscribe(() => sent.length || sent.push(engine.dispatch.inner({ id: 'z' })))
  await engine.dispatch.right()
  await Promise.all(sent)
  end()
  await engine.close()
})

test('an event without payload stays one', async () => {
  const a = await tab(freshName())
  await a.dispatch.add({ id: 'x', title: 'x' })
  await a.dispatch.toggle({ id: 'x' })
  const { events } = await a.dispatch.clearDone()
  expect(events[0]).toMatchObject({ type: 'doneCleared' })
  expect(events[0]!.data).toBeUndefined()
  expect(a.read.todos.size).toBe(0)
})

test('bad input: a command that returns 10,000 events is one commit, all or nothing', async () => {
  const name = freshName()
  const [a, b] = [await tab(name), await tab(name)]
  const ids = Array.from({ length: 10_000 }, (_, i) => `t${i}`)
  const { events, sequence } = await a.dispatch.addMany({ ids })
  expect([events.length, sequence]).toEqual([10_000, 10_000])
  expect(await dump(name, 'commits')).toHaveLength(1)
  await expect.poll(() => b.read.todos.size, { timeout: 4000 }).toBe(10_000)
})

test('signal takes back a command that is in no transaction yet, exactly', async () => {
  const name = freshName()
  const a = await tab(name)
  await a.dispatch.addMany({ ids: ['a', 'b', 'c'] })
  const was = a.read.todos.all()
  const busy = a.dispatch.add({ id: 'busy', title: 'busy' })
  await Promise.resolve()
  const abort = new AbortController()
  const removed = outcome(a.dispatch.remove({ id: 'b' }, { signal: abort.signal }))
  const behind = a.dispatch.add({ id: 'behind', title: 'behind' })
  expect(a.read.todos.has('b')).toBe(false)
  const reason = new Error('changed my mind')
  abort.abort(reason)
  expect(a.read.todos.all().map(({ id }) => id)).toEqual(['a', 'b', 'c', 'busy', 'behind'])
  expect(a.read.todos.get('b')).toBe(was[1])
  expect(await removed).toBe(reason)
  await Promise.all([busy, behind])
  expect(await ranges(name)).toEqual([[1, 5]])
  expect(shown(await tab(name))).toEqual(shown(a))
})

test('signal is ignored once the command is in a transaction, and after it settled', async () => {
  const a = await tab(freshName())
  const abort = new AbortController()
  const sent = a.dispatch.add({ title: 'x' }, { signal: abort.signal })
  await later(0)
  abort.abort(new Error('too late'))
  const result = await outcome(sent)
  if (result instanceof Error) expect(a.read.todos.size).toBe(0)
  else expect(a.read.todos.size).toBe(1)
  const other = new AbortController()
  await a.dispatch.add({ title: 'y' }, { signal: other.signal })
  const size = a.read.todos.size
  other.abort()
  await later(5)
  expect(a.read.todos.size).toBe(size)
})

test('a lost race rebases what is pending: order of all(), undo and identity of untouched rows exact', async () => {
  const name = freshName()
  wire().fate = () => 0
  const [a, b] = [await tab(name), await tab(name)]
  await b.dispatch.addMany({ ids: ['a', 'b', 'c'] })
  const [rowA] = b.read.todos.all()
  await a.dispatch.add({ id: 'rival', title: 'rival' })
  const sent = [b.dispatch.remove({ id: 'b' }), b.dispatch.add({ id: 'd', title: 'd' }), b.dispatch.toggle({ id: 'c' })]
  expect(b.read.todos.all().map(({ id }) => id)).toEqual(['a', 'c', 'd'])
  await Promise.all(sent)
  expect(b.read.todos.all().map(({ id, done }) => [id, done])).toEqual([
    ['a', false],
    ['c', true],
    ['rival', false],
    ['d', false],
  ])
  expect(b.read.todos.get('a')).toBe(rowA)
  expect(shown(await tab(name))).toEqual(shown(b))
})

test('a deletion that is taken back returns the row to its place', async () => {
  const name = freshName()
  wire().fate = () => 0
  const [a, b] = [await tab(name), await tab(name)]
  await b.dispatch.addMany({ ids: ['a', 'b', 'c'] })
  await a.dispatch.remove({ id: 'b' })
  await a.dispatch.add({ id: 'b', title: 'again' })
  // Decided on the old row, then on the new one, which is at the end.
  const { sequence } = await b.dispatch.rename({ id: 'b', title: 'renamed' })
  expect(sequence).toBe(6)
  expect(b.read.todos.all().map(({ id, title }) => [id, title])).toEqual([
    ['a', 'a'],
    ['c', 'c'],
    ['b', 'renamed'],
  ])
})

test('a command that throws rejects with what it threw, and so does an evolve on its own events', async () => {
  const boom = new TypeError('boom')
  const events = defineEvents({ happened: event<{ id: string }>() })
  const model = defineModel({
    name: freshName(),
    events,
    projections: {
      rows: projection(events, {
        into: table<{ id: string }>('id'),
        evolve: {
          happened: (_, { data }) => {
            if (data.id === 'bad') throw boom
            return data.id === 'foreign' ? { id: 'another' } : data
          },
        },
      }),
    },
    commands: {
      crash: () => {
        throw boom
      },
      happen: (_, input: { id: string }) => events.happened(input),
      promise: (async () => events.happened({ id: 'x' })) as never,
      unknown: () => ({ type: 'unknown', data: {} }) as never,
      keyless: () => events.happened({} as never),
    },
  })
  const engine = await openEngine(model)
  await expect(engine.dispatch.crash()).rejects.toBe(boom)
  await expect(engine.dispatch.happen({ id: 'bad' })).rejects.toBe(boom)
  await expect(engine.dispatch.happen({ id: 'foreign' })).rejects.toMatchObject({ name: 'ModelError' })
  await expect(engine.dispatch.promise()).rejects.toMatchObject({ name: 'ModelError' })
  await expect(engine.dispatch.unknown()).rejects.toMatchObject({ name: 'ModelError' })
  await expect(engine.dispatch.keyless()).rejects.toMatchObject({ name: 'ModelError' })
  expect(engine.status).toMatchObject({ sequence: 0, pending: 0, state: 'ready' })
  expect(engine.read.rows.size).toBe(0)
  expect(await dump(model.name, 'commits')).toEqual([])
  await engine.close()
})

test('bad input: data that JSON would change is refused with its path, proxies of plain data are copied', async () => {
  const a = await tab(freshName())
  const cycle: any = { title: 'x' }
  cycle.self = cycle
  class Title {}
  const bad: [unknown, (string | number)[]][] = [
    [{ title: () => 0 }, ['title']],
    [{ title: [undefined] }, ['title', 0]],
    [{ title: Number.NaN }, ['title']],
    [{ title: new Date() }, ['title']],
    [{ deep: { map: new Map() } }, ['deep', 'map']],
    [{ title: new Title() }, ['title']],
    [{ title: 1n }, ['title']],
    [{ title: Symbol('x') }, ['title']],
    [cycle, ['self']],
  ]
  for (const [input, path] of bad)
    await expect(a.dispatch.add(input as never)).rejects.toMatchObject({ name: 'InvalidData', path })
  expect(a.status).toMatchObject({ sequence: 0, pending: 0 })
  const proxy = new Proxy({ id: 'p', title: 'proxy' }, {})
  await a.dispatch.add(proxy)
  expect(a.read.todos.get('p')).toEqual({ id: 'p', title: 'proxy', done: false })
})

test('bad input: hostile keys are stored and read back', async () => {
  const name = freshName()
  const a = await tab(name)
  const keys = [
    '__proto__',
    'constructor',
    'toString',
    '',
    ' ',
    'x'.repeat(100_000),
    '\ud800',
    '\udfff\ud800',
    '\0',
    '1',
    'é',
    'e\u0301',
  ]
  for (const id of keys) await a.dispatch.add({ id, title: 't' })
  await a.projected()
  await a.close()
  const b = await tab(name)
  for (const id of keys) expect(b.read.todos.get(id)).toEqual({ id, title: 't', done: false })
  expect(
    b.read.todos
      .all()
      .map(({ id }) => id)
      .slice(0, keys.length),
  ).toEqual(keys)
})

test('bad input: a row key that is missing is a ModelError, one that is no key InvalidData', async () => {
  const a = await tab(freshName())
  for (const id of [{}, true, ['x'], 'x'.repeat(2 ** 20 + 1)])
    await expect(a.dispatch.add({ id: id as never, title: 'x' })).rejects.toMatchObject({ name: 'InvalidData' })
  await expect(a.dispatch.add({ id: 'x' } as never)).rejects.toMatchObject({ name: 'ModelError' })
  expect(a.status).toMatchObject({ sequence: 0, pending: 0 })
  expect(a.read.todos.size).toBe(0)
})

test('hazard 17: a clock that jumps back changes no order', async () => {
  const name = freshName()
  const a = await tab(name)
  const { now } = Date
  try {
    let time = 1_000_000
    Date.now = () => (time -= 1000)
    for (let i = 0; i < 5; i++) await a.dispatch.add({ id: `t${i}`, title: 't' })
  } finally {
    Date.now = now
  }
  const all = await collect(a.history())
  expect(all.map(({ sequence }) => sequence)).toEqual([1, 2, 3, 4, 5])
  expect(all[0]!.at).toBeGreaterThan(all[4]!.at)
  expect(shown(await tab(name))).toEqual(shown(a))
})
