import {
  CommandRejected,
  defineEvents,
  defineModel,
  event,
  InvalidData,
  ModelError,
  openEngine,
  projection,
  reject,
  table,
  value,
} from 'tidemark'
import { given, openTestEngine } from 'tidemark/testing'
import { describe, expect, test } from 'vitest'

const events = defineEvents({
  added: event<{ id: string; title?: string; at?: number }>(),
  removed: event<{ id: string }>(),
  unfoldable: event<{ id: string }>(),
})
let calls = 0
const app = defineModel({
  name: 'app',
  events,
  projections: {
    rows: projection(events, {
      into: table<{ id: string }>('id'),
      evolve: {
        added: (_, { data }) => ({ id: data.id }),
        removed: () => null,
        unfoldable: () => {
          throw new Error('evolve threw')
        },
      },
    }),
  },
  commands: {
    add: (_, { title }: { title: string }, { id, now }) => events.added({ id: id(), title, at: now }),
    addTwo: (_, __: undefined, { id }) => [events.added({ id: id() }), events.added({ id: id() })],
    remove: ({ rows }, { id }: { id: string }) =>
      rows.has(id) ? events.removed({ id }) : reject('not-found', { id, why: ['gone', 'never there'] }),
    removeAll: ({ rows }) => rows.all().map(({ id }) => events.removed({ id })),
    nothing: () => {},
    random: () => events.added({ id: `${Math.random()}` }),
    counting: () => (calls++ % 2 ? [] : events.added({ id: 'a' })),
    fickle: () => (calls++ % 2 ? reject('odd') : reject('even')),
    mutating: (_, input: { list: number[] }) => void input.list.push(1),
    throwing: () => {
      throw new RangeError('mine')
    },
    unfoldable: () => events.unfoldable({ id: 'a' }),
    asynchronous: (async () => {}) as never as () => void,
  },
})
const failure = (run: () => unknown): any => {
  try {
    run()
  } catch (error) {
    return error
  }
  throw new Error('nothing was thrown')
}

describe('given, when, then', () => {
  test('expects events in order; ids are id-1, id-2, … and now is 0', () => {
    given(app)
      .when('add', { title: 'x' })
      .then(events.added({ id: 'id-1', title: 'x', at: 0 }))
    given(app)
      .when('addTwo')
      .then(events.added({ id: 'id-1' }), events.added({ id: 'id-2' }))
  })

  test('folds the given events in their order', () => {
    given(
      app,
      events.added({ id: 'b' }),
      events.added({ id: 'a' }),
      events.added({ id: 'c' }),
      events.removed({ id: 'c' }),
    )
      .when('removeAll')
      .then(events.removed({ id: 'b' }), events.removed({ id: 'a' }))
  })

  test('expects a rejection by its code, and by its details if given', () => {
    given(app).when('remove', { id: 'a' }).thenRejected('not-found')
    given(app)
      .when('remove', { id: 'a' })
      .thenRejected('not-found', { why: ['gone', 'never there'], id: 'a' })
  })

  test('expects no events', () => {
    given(app).when('nothing').thenNothing()
    given(app).when('removeAll').thenNothing()
  })

  test('a specification may be checked several times, and shares nothing with another one', () => {
    const spec = given(app, events.added({ id: 'a' }))
    spec.when('remove', { id: 'a' }).then(events.removed({ id: 'a' }))
    const again = spec.when('remove', { id: 'a' })
    again.then(events.removed({ id: 'a' }))
    again.then(events.removed({ id: 'a' }))
  })
})

describe('a specification fails with both answers if they differ', () => {
  const removed = () => given(app, events.added({ id: 'a' })).when('remove', { id: 'a' })
  const rejected = () => given(app).when('remove', { id: 'a' })
  test.each([
    ['other events', () => removed().then(events.removed({ id: 'b' })), /"a".*"b"|"b".*"a"/],
    [
      'too few',
      () =>
        given(app)
          .when('addTwo')
          .then(events.added({ id: 'id-1' })),
      /id-2/,
    ],
    ['too many', () => removed().then(events.removed({ id: 'a' }), events.removed({ id: 'a' })), /removed/],
    [
      'another order',
      () =>
        given(app)
          .when('addTwo')
          .then(events.added({ id: 'id-2' }), events.added({ id: 'id-1' })),
      /id-2/,
    ],
    ['events where none are expected', () => removed().thenNothing(), /removed/],
    [
      'none where events are expected',
      () =>
        given(app)
          .when('nothing')
          .then(events.removed({ id: 'a' })),
      /no events/,
    ],
    ['events instead of a rejection', () => removed().thenRejected('not-found'), /not-found/],
    ['a rejection instead of events', () => rejected().then(events.removed({ id: 'a' })), /not-found/],
    ['a rejection instead of nothing', () => rejected().thenNothing(), /not-found/],
    ['another code', () => rejected().thenRejected('forbidden'), /forbidden/],
    ['other details', () => rejected().thenRejected('not-found', { id: 'b' }), /"b"/],
  ])('%s', (_, run, message) => {
    const error = failure(run)
    expect(error.name).toBe('AssertionError')
    expect(error.message).toMatch(message)
    expect(error.actual).not.toEqual(error.expected)
  })
})

describe('a command that is not a pure function of its read model, input and context', () => {
  test.each(['random', 'counting', 'fickle'] as const)('%s: when() throws, because two decisions differ', (command) => {
    calls = 0
    const error = failure(() => given(app).when(command))
    expect(error).toBeInstanceOf(ModelError)
    expect(error.message).toMatch(/not pure/)
    expect(error.message).toMatch(command)
  })

  test('gets a frozen input, while the input of the caller is not frozen', () => {
    const input = { list: [0] }
    expect(() => given(app).when('mutating', input)).toThrow(TypeError)
    expect(Object.isFrozen(input.list)).toBe(false)
  })

  test('throws ModelError if it is asynchronous', () => {
    expect(() => given(app).when('asynchronous')).toThrow(ModelError)
  })
})

describe('other mistakes', () => {
  test('when() throws what a command throws', () => {
    expect(() => given(app).when('throwing')).toThrow(RangeError)
  })
  test('when() throws for an event that its own model can not fold: such an event is never appended', () => {
    expect(() => given(app).when('unfoldable')).toThrow('evolve threw')
    expect(() => given(app, events.unfoldable({ id: 'a' })).when('nothing')).toThrow('evolve threw')
  })
  test('an unknown command or event throws ModelError', () => {
    expect(() => given(app).when('nope' as 'nothing')).toThrow(ModelError)
    expect(() => given(app, { type: 'nope' } as never).when('nothing')).toThrow(ModelError)
    expect(() =>
      given(app)
        .when('nothing')
        .then({ type: 'nope' } as never),
    ).toThrow(ModelError)
  })
  test('an input that is not JSON throws InvalidData', () => {
    expect(() => given(app).when('add', { title: Number.NaN as never })).toThrow(InvalidData)
  })
  test('an accidental await throws an error that names it', async () => {
    await expect((async () => await (given(app).when('nothing') as never as Promise<void>))()).rejects.toThrow(
      /do not await/,
    )
  })
})

describe('time, old events and rows', () => {
  const events = defineEvents({
    noted: event<{ t: string }>()
      .upcast(({ t }) => ({ text: t, id: t }))
      .was('note'),
    gone: event<{ by: number }>().retired(),
  })
  const notes = defineModel({
    name: 'notes',
    events,
    projections: {
      notes: projection(events, {
        into: table<{ id: string; text: string; at: number }>('id'),
        evolve: { noted: (_, { data, at }) => ({ ...data, at }) },
      }),
      texts: projection(events, {
        into: table<{ id: string; text: string }>('id', { resident: false }),
        evolve: { noted: (_, { data }) => data },
      }),
      sum: projection(events, { into: value(0), evolve: { gone: (sum, { data }) => sum + data.by } }),
    },
    commands: {
      note: (_, { text }: { text: string }, { now }) => events.noted({ id: `${now}`, text }),
      refuse: () => reject('no'),
    },
  })
  const spec = given(
    notes,
    { type: 'note', version: 1, data: { t: 'a' } },
    { type: 'gone', version: 1, data: { by: 2 }, at: 5 },
  )

  test('at() is the time of the command', () => {
    given(notes)
      .at(7)
      .when('note', { text: 'x' })
      .then(events.noted({ id: '7', text: 'x' }))
    const date = new Date('2026-01-01')
    given(notes)
      .at(date)
      .when('note', { text: 'x' })
      .thenRows({ notes: [{ id: `${Number(date)}`, text: 'x', at: Number(date) }] })
  })

  test('upcasts events of former names and versions, and retired events', () => {
    spec.thenRows({ notes: [{ id: 'a', text: 'a', at: 0 }], sum: 2 })
    expect(() => given(notes, { type: 'note', version: 3 }).when('refuse')).toThrow('does not know')
  })

  test('thenRows compares the named tables and values after the command, also tables on disk', () => {
    const answer = spec.at(9).when('note', { text: 'b' })
    answer.thenRows({
      texts: [
        { id: 'a', text: 'a' },
        { id: '9', text: 'b' },
      ],
    })
    answer.thenRows({})
    const error = failure(() => answer.thenRows({ sum: 3 }))
    expect([error.name, error.actual, error.expected]).toEqual(['AssertionError', 2, 3])
    expect(error.message).toBe('note: expected sum to be 3, got 2')
    expect(() =>
      answer.thenRows({
        notes: [
          { id: '9', text: 'b', at: 9 },
          { id: 'a', text: 'a', at: 0 },
        ],
      }),
    ).toThrow(/expected notes/)
    expect(() => answer.thenRows({ nope: 1 } as never)).toThrow(ModelError)
  })

  test('thenRows fails after a rejection, which has no rows', () => {
    expect(failure(() => spec.when('refuse').thenRows({ sum: 2 })).message).toMatch(/expected rows, got the rejection/)
  })

  test('a test engine begins with the given events, as another build wrote them', async () => {
    for (const storage of [undefined, 'memory'] as const) {
      const engine = await openTestEngine(notes, {
        storage,
        events: [{ type: 'note', version: 1, data: { t: 'a' }, at: 3 }, events.noted({ id: 'b', text: 'b' })],
      })
      expect(engine.read.notes.all()).toEqual([
        { id: 'a', text: 'a', at: 3 },
        { id: 'b', text: 'b', at: 0 },
      ])
      expect((await engine.dispatch.note({ text: 'c' })).sequence).toBe(3)
      await engine.close()
    }
    await expect(openTestEngine(notes, { events: [{ type: 'nope', version: 1 }] })).rejects.toThrow('does not know')
  })

  test('openEngine returns the test engine that replaces it, until that is closed', async () => {
    const engine = await openTestEngine(notes, { replace: true, events: [events.noted({ id: 'a', text: 'a' })] })
    const ofApp = await openEngine(notes, { name: 'of-the-app', storage: 'memory' })
    expect(ofApp.read.notes.size).toBe(1)
    await engine.dispatch.note({ text: 'b' })
    expect(ofApp.read.notes.size).toBe(2)
    await engine.close()
    await ofApp.close()
    const other = await openEngine(notes, { storage: 'memory' })
    expect(other.read.notes.size).toBe(0)
    await other.close()
  })
})

describe('openTestEngine', () => {
  test('is in memory if there is no IndexedDB, and each call opens another log', async () => {
    const [one, two] = await Promise.all([openTestEngine(app), openTestEngine(app)])
    expect(one.status.storage).toBe('memory')
    await one.dispatch.add({ title: 'x' })
    expect([one.read.rows.size, two.read.rows.size]).toEqual([1, 0])
    await expect(two.dispatch.remove({ id: 'a' })).rejects.toThrow(CommandRejected)
    await Promise.all([one.close(), two.close()])
  })
})
