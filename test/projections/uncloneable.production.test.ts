import { defineEvents, defineModel, event, openEngine, projection, table, value } from 'tidemark'
import { expect, test } from 'vitest'
import { type AnyModel, createFolds } from '../../src/model/model.ts'
import { writePages } from '../../src/projections/pages.ts'
import { createTrack, foldInto } from '../../src/projections/track.ts'
import { traffic } from '../engine/kit.ts'
import { freshName } from '../engine/todos.ts'
import { openDatabase } from '../log/rooms.ts'
import { dump } from '../log/storage.ts'

// In development the check after evolve refuses such a row.
test('runs in production mode, which does not check the rows of evolve', () => expect(__DEV__).toBe(false))

const events = defineEvents({ added: event<{ id: string }>() })
/** Only structured clone refuses a proxy; no other check can tell it from an object. So the row reaches the database. */
const app = ({ version = 1, strange = true, resident = true } = {}) => {
  const row = (id: string) => ({ id, inner: { tags: strange && id === 'odd' ? new Proxy({}, {}) : {} } })
  return defineModel({
    name: 'strange',
    events,
    projections: {
      rows: projection(events, {
        into: table<{ id: string; inner: object }>('id', resident ? {} : ({ resident: false } as never)),
        version,
        evolve: { added: (_, { data }) => row(data.id) },
      }),
      count: projection(events, { into: value(0), evolve: { added: (n) => n + 1 } }),
    },
    commands: { add: (_, { id }: { id: string }) => events.added({ id }) },
  })
}

const failed = (sequence: number, path: readonly string[]) => ({
  state: 'failed',
  sequence,
  error: {
    name: 'ProjectionFailed',
    projection: 'rows',
    cause: { name: 'InvalidData', path, cause: { name: 'DataCloneError' } },
  },
})

test.each([true, false])(
  'a row that the database refuses fails its projection by name, with the key and the path; the others are written (resident: %s)',
  async (resident) => {
    const name = freshName()
    const a = await openEngine(app({ resident }), { name })
    await a.dispatch.add({ id: 'plain' })
    await a.projected()
    await a.dispatch.add({ id: 'odd' })
    await a.projected()
    expect(a.status.projections.rows).toMatchObject(failed(2, ['odd', 'inner', 'tags']))
    expect(a.status.projections.rows).toMatchObject({ error: { message: expect.stringContaining('odd') } })
    expect(a.status.projections.count).toEqual({ state: 'ready', sequence: 2 })
    expect(a.status.projected).toBe(2)
    // No later flush folds or writes the failed projection.
    const watched = traffic()
    await a.dispatch.add({ id: 'more' })
    await a.projected()
    watched.stop()
    expect(watched.read.filter(({ value }) => value.last < 3)).toEqual([])
    expect(a.status.projections.count).toEqual({ state: 'ready', sequence: 3 })
    await a.close()

    const b = await openEngine(app({ resident }), { name })
    await b.projected()
    expect(b.status.projections.rows).toMatchObject({ state: 'failed', sequence: 2, error: { projection: 'rows' } })
    expect(b.read.count.value).toBe(3)
    await b.close()
  },
)

test('keeps what was stored before such a row', async () => {
  const name = freshName()
  const a = await openEngine(app(), { name })
  await a.dispatch.add({ id: 'plain' })
  await a.projected()
  await a.dispatch.add({ id: 'odd' })
  await a.projected()
  const stored = (await dump(name, 'checkpoints')).find(({ key }) => key[0].startsWith('rows@'))!.value
  expect(stored).toMatchObject({ sequence: 1, rows: 1, next: 1, failed: { sequence: 2 } })
  await a.close()
  const b = await openEngine(app(), { name })
  expect(b.read.rows.all()).toEqual([{ id: 'plain', inner: { tags: {} } }])
  await b.close()
})

test.each([
  ['a rebuild by better code', { strange: false }, true],
  ['a new version', { strange: false, version: 2 }, false],
])('%s repairs a projection whose rows could not be stored', async (_, better, rebuilds) => {
  for (const resident of [true, false]) {
    const name = freshName()
    const a = await openEngine(app({ resident }), { name })
    await a.dispatch.add({ id: 'odd' })
    await a.dispatch.add({ id: 'plain' })
    await a.projected()
    expect(a.status.projections.rows.state).toBe('failed')
    await a.close()
    const b = await openEngine(app({ ...better, resident }), { name })
    if (rebuilds) await b.rebuild()
    await b.projected()
    expect(b.status.projections.rows).toMatchObject({ state: 'ready', sequence: 2 })
    if (resident) expect(b.read.rows.all().map(({ id }) => id)).toEqual(['odd', 'plain'])
    await b.close()
  }
})

test('rule 21: a row that the database refuses, and that was replaced since, is kept nowhere and fails nothing', async () => {
  const name = freshName()
  const events = defineEvents({ set: event<{ id: string; odd: boolean }>() })
  const model = defineModel({
    name: 'strange for a moment',
    events,
    projections: {
      rows: projection(events, {
        into: table<{ id: string; inner: object }>('id'),
        evolve: { set: (_, { data: { id, odd } }) => ({ id, inner: odd ? new Proxy({}, {}) : {} }) },
      }),
    },
    commands: {},
  })
  await (await openEngine(model, { name })).close()
  const database = await openDatabase(name, false)
  const [fold] = createFolds(model as unknown as AnyModel)
  const track = createTrack(fold!, undefined)
  const set = (first: number, last: number, odd: boolean) => {
    const data = { id: 'one', odd }
    const all = Array.from({ length: last - first + 1 }, (_, i) => ({
      type: 'set',
      sequence: first + i,
      data,
      at: 0,
      commandId: '',
    }))
    foldInto(track, { id: '', first, last, body: '' }, all)
  }
  set(1, 8200, true)
  set(8201, 8201, false)
  expect(track.kept).toHaveLength(1)
  expect([...(await writePages(database, [track]))!]).toEqual([])
  expect(fold!.failed).toBeUndefined()
  set(8202, 16_401, false)
  await writePages(database, [track])
  database.close()
  expect((await dump(name, 'checkpoints')).map(({ value }) => value.sequence)).toEqual([16_401])
  expect((await dump(name, 'rowEvents')).map(({ key }) => key[3])).toEqual([16_401])
})
