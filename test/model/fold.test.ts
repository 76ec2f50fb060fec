import { describe, expect, test } from 'vitest'
import { InvalidData, ModelError, ProjectionFailed } from '../../src/errors.ts'
import { type AnyRecordedEvent, defineEvents, event, eventTypes } from '../../src/model/events.ts'
import { createFold, type Fold, type Journal, undo } from '../../src/model/fold.ts'
import { type Projection, projection, type ReadTable, table, value } from '../../src/model/projection.ts'

interface Todo {
  id: string | number
  title: string
  done: boolean
  list?: string | null
}
const events = defineEvents({
  added: event<{ id: string | number; title?: string; list?: string | null }>(),
  toggled: event<{ id: string | number }>(),
  moved: event<{ id: string | number; list: string | null }>(),
  removed: event<{ id: string | number }>(),
  doneCleared: event(),
  listRenamed: event<{ from: string; to: string }>(),
  several: event<{ ids: (string | number)[] }>(),
  everything: event<{ title: string }>(),
  reverted: event<{ to: string | number }>(),
  unheard: event(),
})
const types = eventTypes(events)
const todos = projection(events, {
  into: table<Todo>('id'),
  by: {
    doneCleared: () => ({ done: true }),
    listRenamed: ({ data }) => ({ list: data.from, done: false }),
    several: ({ data }) => data.ids,
    everything: () => ({}),
    reverted: ({ data }, rows) => {
      const ids = rows.all().map(({ id }) => id)
      return ids.slice(ids.indexOf(data.to) + 1)
    },
  },
  evolve: {
    added: (row, { data }) => (row ? undefined : { title: '', done: false, ...data }),
    toggled: (row) => row && { ...row, done: !row.done },
    moved: (row, { data }) => row && { ...row, list: data.list },
    removed: () => null,
    doneCleared: () => null,
    listRenamed: (row, { data }) => row && { ...row, list: data.to },
    several: (row, _, key) => ({ id: key, title: `${row?.title ?? 'new'}!`, done: false }),
    everything: (row, { data }) => row && (row.title === data.title ? row : { ...row, title: data.title }),
    reverted: () => null,
  },
})

function fold(projection: Projection<any>, name = 'p') {
  const made: Fold = createFold(name, projection as never, types)
  const journal: Journal = []
  return {
    fold: made,
    journal,
    get rows() {
      return made.view as ReadTable<Todo>
    },
    apply(...events: { type: string; data: unknown }[]) {
      for (const event of events) {
        made.sequence++
        const recorded = { ...types.today(types.store(event)), sequence: made.sequence, at: 0, commandId: 'c' }
        made.apply(recorded as AnyRecordedEvent, journal)
      }
    },
  }
}
const ids = (rows: readonly Todo[]) => rows.map(({ id }) => id)

describe('which rows an event touches', () => {
  test('without `by`: the row whose key is in the payload', () => {
    const { apply, rows } = fold(todos)
    apply(events.added({ id: 'a' }), events.added({ id: 'b' }), events.toggled({ id: 'b' }))
    expect(rows.all().map(({ done }) => done)).toEqual([false, true])
  })

  test('without `by` and without the key in the payload: ModelError names the event', () => {
    const wrong = projection(events, { into: table<Todo>('id'), evolve: { doneCleared: () => null } })
    expect(() => fold(wrong).apply(events.doneCleared())).toThrow(ModelError)
    expect(() => fold(wrong).apply(events.doneCleared())).toThrow(/doneCleared/)
  })

  test('a key that is neither a string nor a number is refused as wrong data', () => {
    expect(() => fold(todos).apply(events.added({ id: true as never }))).toThrow(InvalidData)
    expect(() => fold(todos).apply(events.added({ id: 'x'.repeat(2 ** 20 + 1) }))).toThrow(InvalidData)
  })

  test('`by` with one key: that row, even if it does not exist yet', () => {
    const one = projection(events, {
      into: table<Todo>('id'),
      by: { listRenamed: ({ data }) => data.to },
      evolve: { listRenamed: (_, __, key) => ({ id: key, title: '', done: false }) },
    })
    const { apply, rows } = fold(one)
    apply(events.listRenamed({ from: '', to: 'x' }))
    expect(ids(rows.all())).toEqual(['x'])
  })

  test('`by` with several keys: each once, in order, even if one is named twice', () => {
    const { apply, rows } = fold(todos)
    apply(events.added({ id: 'a' }), events.several({ ids: ['c', 'a', 'c', 'a', 1, '1'] }))
    expect(rows.all().map(({ id, title }) => [id, title])).toEqual([
      ['a', '!'],
      ['c', 'new!'],
      [1, 'new!'],
      ['1', 'new!'],
    ])
  })

  test('`by` with no key: none', () => {
    const { apply, rows, journal } = fold(todos)
    apply(events.added({ id: 'a' }), events.several({ ids: [] }))
    expect(rows.size).toBe(1)
    expect(journal.length).toBe(1)
  })

  test('`by` with one property: every row that has that value', () => {
    const { apply, rows } = fold(todos)
    apply(events.added({ id: 'a' }), events.added({ id: 'b' }), events.toggled({ id: 'a' }), events.doneCleared())
    expect(ids(rows.all())).toEqual(['b'])
  })

  test('`by` with several properties: rows that have them all', () => {
    const { apply, rows } = fold(todos)
    for (const id of ['a', 'b', 'c']) apply(events.added({ id, list: id === 'c' ? 'y' : 'x' }))
    apply(events.toggled({ id: 'b' }), events.listRenamed({ from: 'x', to: 'z' }))
    expect(rows.all().map(({ list }) => list)).toEqual(['z', 'x', 'y'])
  })

  test('`by` with {}: all rows', () => {
    const { apply, rows } = fold(todos)
    apply(events.added({ id: 'a' }), events.added({ id: 'b' }), events.everything({ title: 't' }))
    expect(rows.all().map(({ title }) => title)).toEqual(['t', 't'])
  })

  test('`by` sees the table before the event', () => {
    const { apply, rows } = fold(todos)
    for (const id of ['a', 'b', 'c', 'd']) apply(events.added({ id }))
    apply(events.reverted({ to: 'b' }))
    expect(ids(rows.all())).toEqual(['a', 'b'])
  })

  test.each([undefined, null])('`by` with %s: ModelError names the handler', (nothing) => {
    const wrong = projection(events, {
      into: table<Todo>('id'),
      by: { doneCleared: () => nothing as never },
      evolve: { doneCleared: () => null },
    })
    expect(() => fold(wrong, 'todos').apply(events.doneCleared())).toThrow(/todos: event "doneCleared" has no key/)
    expect(() => fold(wrong).apply(events.doneCleared())).toThrow(ModelError)
  })

  test('an event without a handler touches nothing', () => {
    const { apply, journal, fold: made } = fold(todos)
    apply(events.unheard())
    expect(journal).toEqual([])
    expect([made.handles('unheard'), made.handles('toString'), made.handles('added')]).toEqual([false, false, true])
  })
})

describe('what evolve returns', () => {
  test('null for a row that does not exist: no change', () => {
    const { apply, journal, fold: made } = fold(todos)
    apply(events.removed({ id: 'x' }))
    expect(journal).toEqual([])
    expect(made.next).toBe(0)
  })

  test('undefined or the same row: no change', () => {
    const { apply, rows, journal } = fold(todos)
    apply(events.added({ id: 'a', title: 't' }))
    const all = rows.all()
    apply(events.added({ id: 'a' }), events.everything({ title: 't' }))
    expect(rows.all()).toBe(all)
    expect(journal.length).toBe(1)
  })

  test('a value that is not a row with the right key: ModelError names the projection, the event and the key', () => {
    const returning = (row: unknown) =>
      fold(projection(events, { into: table<Todo>('id'), evolve: { added: () => row as Todo } }), 'todos')
    for (const row of [{ id: 'b' }, { id: 1 }, {}, 'a', 7, true, [], new Map()]) {
      const { apply, rows, fold: made } = returning(row)
      expect(() => apply(events.added({ id: '1' })), JSON.stringify(row)).toThrow(ModelError)
      expect(() => apply(events.added({ id: '1' }))).toThrow(/todos: evolve.added .*"id".*"1"/)
      expect(rows.size + made.next).toBe(0)
    }
  })

  test('one event is applied whole or not at all', () => {
    const halfway = projection(events, {
      into: table<Todo>('id'),
      by: { several: ({ data }) => data.ids },
      evolve: {
        added: (_, { data }) => ({ title: '', done: false, ...data }),
        several: (row, _, key) => {
          if (key === 'bad') throw new Error('no')
          return row ? null : { id: key, title: 'new', done: true }
        },
      },
    })
    const { apply, rows, journal, fold: made } = fold(halfway)
    apply(events.added({ id: 'a' }))
    rows.by('done', false)
    const all = rows.all()
    expect(() => apply(events.several({ ids: ['a', 'b', 'bad', 'c'] }))).toThrow('no')
    expect(rows.all()).toBe(all)
    expect(ids(rows.by('done', true))).toEqual([])
    expect([journal.length, made.next]).toEqual([1, 1])
  })

  test('in development, evolve gets frozen rows, so mutating one throws', () => {
    const mutating = projection(events, {
      into: table<Todo>('id'),
      evolve: {
        added: (_, { data }) => ({ title: '', done: false, ...data }),
        toggled: (row) => Object.assign(row as Todo, { done: true }),
      },
    })
    const { apply, rows } = fold(mutating)
    apply(events.added({ id: 'a' }))
    expect(() => apply(events.toggled({ id: 'a' }))).toThrow(TypeError)
    expect(rows.get('a')!.done).toBe(false)
  })
})

describe('reading a table', () => {
  test('1 and "1" are two keys, and names of object methods work as keys', () => {
    const { apply, rows } = fold(todos)
    const keys = [1, '1', '', '__proto__', 'constructor', '\ud800', 'x'.repeat(100_000), -0]
    for (const id of keys) apply(events.added({ id, title: String(id) }))
    expect(ids(rows.all())).toEqual([...keys.slice(0, -1), 0])
    for (const id of keys) expect(rows.get(id)).toMatchObject({ id: id === 0 ? 0 : id, title: String(id) })
    expect([rows.has(2), rows.has('toString'), rows.get({} as never), rows.size]).toEqual([false, false, undefined, 8])
  })

  test('all() is in order of insertion; a row that was deleted and added again is last', () => {
    const { apply, rows } = fold(todos)
    for (const id of ['a', 'b', 'c']) apply(events.added({ id }))
    apply(events.toggled({ id: 'a' }), events.removed({ id: 'a' }), events.added({ id: 'a' }))
    expect(ids(rows.all())).toEqual(['b', 'c', 'a'])
  })

  test('by() is in order of insertion too, even if a row entered the bucket late', () => {
    const { apply, rows } = fold(todos)
    for (const id of ['a', 'b', 'c']) apply(events.added({ id, list: id === 'a' ? 'y' : 'x' }))
    expect(ids(rows.by('list', 'x'))).toEqual(['b', 'c'])
    apply(events.moved({ id: 'a', list: 'x' }))
    expect(ids(rows.by('list', 'x'))).toEqual(['a', 'b', 'c'])
    expect(ids(rows.by('list', 'y'))).toEqual([])
  })

  test('by() tells undefined, null and other values apart', () => {
    const { apply, rows } = fold(todos)
    apply(events.added({ id: 'a' }), events.added({ id: 'b', list: null }), events.added({ id: 'c', list: 'null' }))
    expect(ids(rows.by('list', undefined))).toEqual(['a'])
    expect(ids(rows.by('list', null))).toEqual(['b'])
    expect(ids(rows.by('list', 'null'))).toEqual(['c'])
    expect(ids(rows.by('id', 'a'))).toEqual(['a'])
  })

  test('rows, all() of a table and by() of a bucket keep their identity until they change', () => {
    const { apply, rows } = fold(todos)
    for (const id of ['a', 'b', 'c']) apply(events.added({ id, list: id === 'c' ? 'y' : 'x' }))
    const [a, b, all, x, y, z] = [
      rows.get('a'),
      rows.get('b'),
      rows.all(),
      rows.by('list', 'x'),
      rows.by('list', 'y'),
      rows.by('list', 'z'),
    ]
    expect(all[0]).toBe(a)
    expect([rows.all(), rows.by('list', 'x'), rows.by('list', 'z')]).toEqual([all, x, z])
    apply(events.unheard(), events.removed({ id: 'nobody' }))
    expect(rows.all()).toBe(all)
    apply(events.toggled({ id: 'a' }))
    expect(rows.get('a')).not.toBe(a)
    expect(rows.get('b')).toBe(b)
    expect(rows.all()).not.toBe(all)
    expect(rows.by('list', 'x')).not.toBe(x)
    expect(rows.by('list', 'x')[1]).toBe(b)
    expect(rows.by('list', 'y')).toBe(y)
    expect(rows.by('list', 'z')).toBe(z)
  })

  test('rows and lists that were returned never change, at any depth', () => {
    const deep = projection(events, {
      into: table<Todo & { tags?: { name: string }[] }>('id'),
      evolve: { added: (_, { data }) => ({ title: '', done: false, ...data, tags: [{ name: 'x' }] }) },
    })
    const { apply, rows, fold: made } = fold(deep)
    apply(events.added({ id: 'a' }))
    const kept = rows.all()
    const row = rows.get('a') as any
    for (const change of [
      () => (kept as Todo[]).push(row),
      () => (row.title = 'x'),
      () => row.tags.push(1),
      () => (row.tags[0].name = 'y'),
    ]) {
      expect(change).toThrow(TypeError)
    }
    apply(events.added({ id: 'b' }))
    expect(kept.length).toBe(1)
    made.load([{ id: 'c', tags: [{}] }], () => 7)
    expect(Object.isFrozen((rows.by('id', 'c')[0] as any).tags[0])).toBe(true)
  })

  test('the view is a new object after each change, and old views show the present rows too', () => {
    const { apply, fold: made } = fold(todos)
    const first = made.view as ReadTable<Todo>
    expect(made.view).toBe(first)
    apply(events.unheard())
    expect(made.view).toBe(first)
    apply(events.added({ id: 'a' }))
    expect(made.view).not.toBe(first)
    expect([first.size, ids(first.all())]).toEqual([1, ['a']])
  })

  test('the functions of a view work without their object', () => {
    const { apply, rows } = fold(todos)
    apply(events.added({ id: 'a' }))
    const { get, has, all, by } = rows
    expect([get('a')!.id, has('a'), all().length, by('done', false).length]).toEqual(['a', true, 1, 1])
  })
})

describe('rolling back', () => {
  test('restores content, order, insertion counter and identity of rows', () => {
    const { apply, rows, journal, fold: made } = fold(todos)
    for (const id of ['a', 'b', 'c']) apply(events.added({ id, list: 'x' }))
    rows.by('list', 'x')
    const before = [...rows.all()]
    const kept = journal.length
    apply(
      events.removed({ id: 'a' }),
      events.added({ id: 'd', list: 'x' }),
      events.moved({ id: 'b', list: 'y' }),
      events.added({ id: 'a', list: 'x' }),
      events.toggled({ id: 'a' }),
      events.doneCleared(),
      events.reverted({ to: 'c' }),
    )
    expect(ids(rows.all())).toEqual(['b', 'c'])
    undo(journal, kept)
    expect(journal.length).toBe(kept)
    expect(made.next).toBe(3)
    expect(rows.size).toBe(3)
    for (const [i, row] of rows.all().entries()) expect(row).toBe(before[i])
    for (const [i, row] of rows.by('list', 'x').entries()) expect(row).toBe(before[i])
    expect(rows.by('list', 'y')).toEqual([])
    expect([...made.slots].map(({ n }) => n)).toEqual([0, 1, 2])
    apply(events.added({ id: 'e' }))
    expect(ids(rows.all())).toEqual(['a', 'b', 'c', 'e'])
    undo(journal)
    expect([rows.size, made.next, [...made.slots].length]).toEqual([0, 0, 0])
  })

  test('returns a deleted row to its place, also if `slots` is the first thing that is read', () => {
    const { apply, journal, fold: made } = fold(todos)
    for (const id of ['a', 'b', 'c']) apply(events.added({ id }))
    apply(events.removed({ id: 'b' }))
    undo(journal, 3)
    expect([...made.slots].map(({ key, n }) => [key, n])).toEqual([
      ['a', 0],
      ['b', 1],
      ['c', 2],
    ])
  })

  test('works with one journal for several projections', () => {
    const table = fold(todos)
    const count = createFold(
      'count',
      projection(events, { into: value(0), evolve: { added: (n) => n + 1 } }) as never,
      types,
    )
    const event = { type: 'added', sequence: 1, at: 0, commandId: 'c', data: { id: 'a' } }
    table.fold.apply(event, table.journal)
    count.apply(event, table.journal)
    expect([table.rows.size, (count.view as any).value]).toEqual([1, 1])
    undo(table.journal)
    expect([table.rows.size, (count.view as any).value]).toEqual([0, 0])
  })
})

describe('a value', () => {
  const state = () =>
    fold(
      projection(events, {
        into: value<{ titles: string[]; last?: string | undefined }>({ titles: [] }),
        evolve: {
          added: (state, { data }) => ({ ...state, titles: [...state.titles, data.title ?? ''] }),
          toggled: (state) => state,
          removed: (state) => Object.assign(state, { last: 'mutated' }),
        },
      }),
    )

  test('starts at its initial state and folds the events', () => {
    const { apply, fold: made } = state()
    expect((made.view as any).value).toEqual({ titles: [] })
    apply(events.added({ id: 1, title: 'x' }), events.unheard())
    expect((made.view as any).value).toEqual({ titles: ['x'] })
  })

  test('is frozen for evolve and for readers', () => {
    const { apply, fold: made } = state()
    apply(events.added({ id: 1, title: 'x' }))
    expect(() => (made.view as any).value.titles.push('y')).toThrow(TypeError)
    expect(() => apply(events.removed({ id: 1 }))).toThrow(TypeError)
  })

  test('does not change if evolve returns the same state', () => {
    const { apply, fold: made, journal } = state()
    const { view } = made
    apply(events.toggled({ id: 1 }))
    expect(journal).toEqual([])
    expect(made.view).toBe(view)
  })

  test('may be undefined, null or NaN', () => {
    const odd = fold(
      projection(events, {
        into: value<number | null | undefined>(undefined),
        evolve: { added: () => null, toggled: () => undefined, removed: () => Number.NaN },
      }),
    )
    const read = () => (odd.fold.view as any).value
    odd.apply(events.added({ id: 1 }))
    expect(read()).toBe(null)
    odd.apply(events.toggled({ id: 1 }))
    expect(read()).toBe(undefined)
    odd.apply(events.removed({ id: 1 }), events.removed({ id: 1 }))
    expect(read()).toBe(Number.NaN)
    expect(odd.journal.length).toBe(3)
    odd.apply(events.toggled({ id: 1 }))
    expect([...odd.fold.slots]).toMatchObject([{ key: 0, n: 0, row: undefined }])
    undo(odd.journal, 1)
    expect(read()).toBe(null)
    undo(odd.journal)
    expect(read()).toBe(undefined)
  })

  test('is persisted as one row', () => {
    const { apply, fold: made } = state()
    apply(events.added({ id: 1, title: 'x' }))
    expect([...made.slots]).toMatchObject([{ key: 0, n: 0, row: { titles: ['x'] } }])
    const other = state()
    other.fold.load([{ titles: ['y'] }], () => 0)
    expect((other.fold.view as any).value).toEqual({ titles: ['y'] })
  })
})

describe('persisted rows', () => {
  test('are loaded in pages, keep their places, and come before new rows', () => {
    const { apply, rows, fold: made } = fold(todos)
    const row = (id: string) => ({ id, title: id, done: false })
    made.load([row('a'), row('b')], (i) => [3, 9][i]!)
    expect(ids(rows.by('done', false))).toEqual(['a', 'b'])
    made.load([row('c')], () => 12)
    made.load([], () => 0)
    made.next = 20
    apply(events.added({ id: 'd' }))
    expect([...made.slots].map(({ key, n }) => [key, n])).toEqual([
      ['a', 3],
      ['b', 9],
      ['c', 12],
      ['d', 20],
    ])
    expect(ids(rows.by('done', false))).toEqual(['a', 'b', 'c', 'd'])
  })

  test('clear() restores the initial state', () => {
    const { apply, rows, fold: made } = fold(todos)
    apply(events.added({ id: 'a' }))
    rows.by('done', false)
    made.failed = new ProjectionFailed('p', 1)
    made.clear()
    expect([rows.size, rows.all(), rows.by('done', false), made.sequence, made.next, made.failed]).toEqual([
      0,
      [],
      [],
      0,
      0,
      undefined,
    ])
    const sum = fold(projection(events, { into: value(5), evolve: { added: (n) => n + 1 } }))
    sum.apply(events.added({ id: 'a' }))
    sum.fold.clear()
    expect((sum.fold.view as any).value).toBe(5)
  })
})

describe('rule 14: identity of persisted rows', () => {
  const of = (make: () => Projection<any>, name = 'p', declared = types) =>
    createFold(name, make() as never, declared).identity
  const evolve = { added: () => null }
  const base = () => projection(events, { into: table<Todo>('id'), evolve })

  test('is short and never changes between releases, because pages are found by it', () => {
    expect(of(base)).toMatchInlineSnapshot(`"p@1.1:2s-13ly2o6-1xcrlag"`)
    expect(of(() => projection(events, { into: value(0), evolve: { added: (n) => n } }))).toMatchInlineSnapshot(
      `"p@1.1:18-57ckzo-1mq6ync"`,
    )
  })

  test('changes with name, version, key, kind, options and the handled events', () => {
    const identities = [
      of(base),
      of(base, 'q'),
      of(() => projection(events, { into: table<Todo>('id'), version: 2, evolve })),
      of(() => projection(events, { into: table<Todo & { key: string }>('key'), evolve })),
      of(() => projection(events, { into: table<Todo>('id', { history: true }), evolve })),
      of(() => projection(events, { into: table<Todo>('id'), evolve: { ...evolve, removed: () => null } })),
      of(() => projection(events, { into: table<Todo>('id'), evolve: {} })),
      of(() => projection(events, { into: value(0), evolve: { added: (n) => n } })),
    ]
    expect(new Set(identities).size).toBe(identities.length)
  })

  test('changes with the version of each event it handles, and of no other', () => {
    const next = defineEvents({
      added: event<{ id: string }>().upcast((v) => v),
      removed: event<{ id: string }>(),
    })
    const now = defineEvents({ added: event<{ id: string }>(), removed: event<{ id: string }>() })
    const handling = (events: typeof now, evolve: object) =>
      of(() => projection(events, { into: table<Todo>('id'), evolve }), 'p', eventTypes(events))
    expect(handling(now, { added: () => null })).not.toBe(handling(next as never, { added: () => null }))
    expect(handling(now, { removed: () => null })).toBe(handling(next as never, { removed: () => null }))
  })

  test('does not change with the order of handlers', () => {
    const handling = (evolve: object) => of(() => projection(events, { into: table<Todo>('id'), evolve }))
    expect(handling({ added: () => null, removed: () => null })).toBe(
      handling({ removed: () => null, added: () => null }),
    )
  })
})

describe('a wrong declaration throws ModelError', () => {
  test.each([
    ['an unknown event in evolve', { into: table<Todo>('id'), evolve: { nope: () => null } }],
    ['an unknown event in by', { into: table<Todo>('id'), by: { nope: () => 'x' }, evolve: {} }],
    ['a handler that is not a function', { into: table<Todo>('id'), evolve: { added: 1 } }],
    ['a version that is not a positive integer', { into: table<Todo>('id'), version: 1.5, evolve: {} }],
    ['version 0', { into: table<Todo>('id'), version: 0, evolve: {} }],
    ['an `into` that neither table() nor value() returned', { into: {}, evolve: {} }],
    ['no `into`', { evolve: {} }],
  ])('%s', (_, definition) => {
    expect(() => projection(events, definition as never)).toThrow(ModelError)
  })

  test('events that defineEvents did not return', () => {
    expect(() => projection({} as typeof events, { into: value(0), evolve: {} })).toThrow(ModelError)
  })
})
