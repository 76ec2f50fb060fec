import { defineEvents, defineModel, event, openEngine, projection, StorageError, table, value } from 'tidemark'
import { archive, at } from 'tidemark/tools'
import { beforeEach, expect, test, vi } from 'vitest'
import { type AnyModel, createFolds, readOf } from '../../../src/model/model.ts'
import { giveWay } from '../../../src/projections/discard.ts'
import type { Track } from '../../../src/projections/track.ts'
import { openDatabase } from '../../log/rooms.ts'
import { abortWith, dump, inDatabase, isAppend } from '../../log/storage.ts'
import { atEnd, broken } from '../kit.ts'
import { collect, freshName, later } from '../todos.ts'
import { createLocks } from './locks.ts'

const EVENTS = 30_000
const COMMIT = 500
/** The first commits that end at or after 8,192, 16,384 and 24,576 events. */
const PLACES = [8500, 16_500, 25_000]

const events = defineEvents({ moved: event<{ id: string; to: number }>() })
type Moved = { readonly data: { readonly id: string; readonly to: number } }
let folded = 0
const evolve = (_: unknown, { data: { id, to } }: Moved) => (to % 4 ? { id, to } : null)
const otherEvolve = (_: unknown, { data: { id } }: Moved) => ({ id, to: 1 })

const model = (version = 1, change: typeof evolve | typeof otherEvolve = evolve) =>
  defineModel({
    name: 'stored points',
    events,
    projections: {
      count: projection(events, { into: value(0), evolve: { moved: (n) => n + Number(++folded > 0) } }),
      places: projection(events, { into: table<{ id: string; to: number }>('id'), version, evolve: { moved: change } }),
    },
    commands: {
      move: ({ count }, n: number) =>
        Array.from({ length: n }, (_, i) => {
          const to = Math.imul(count.value + i + 1, 2_654_435_761) >>> 8
          return events.moved({ id: `p${to % 97}`, to })
        }),
    },
  })

const open = async (name: string, of = model()) => {
  const engine = await openEngine(of, { name })
  atEnd(() => engine.close())
  return engine
}
type Engine = Awaited<ReturnType<typeof open>>

async function grow(engine: Engine, to = EVENTS): Promise<void> {
  while (engine.status.sequence < to) await engine.dispatch.move(COMMIT)
  await engine.projected()
}

/** The sequences at which the rows of the past are kept, by projection. */
async function kept(name: string): Promise<Record<string, number[]>> {
  const all: Record<string, number[]> = {}
  for (const { key } of await dump(name, 'rowEvents'))
    if (key[2] === 'at') (all[key[0].split('@')[0]] ??= []).push(key[3])
  return all
}

/** What some sequences show, by folds that only go forward. */
async function statesAt(engine: Engine, wanted: readonly number[], of = model()) {
  const folds = createFolds(of as unknown as AnyModel)
  const read: any = readOf(folds)
  const states = new Map<number, unknown>()
  for (const one of await collect(engine.history() as never)) {
    for (const fold of folds) fold.apply(one as never)
    const { sequence } = one as { sequence: number }
    if (wanted.includes(sequence)) states.set(sequence, [read.count.value, read.places.all()])
  }
  return states
}
const shown = ({ read }: { read: any }) => [read.count.value, read.places.all()]

/** The events that a view folded on its way there. */
async function foldedBy(work: () => Promise<unknown>): Promise<number> {
  folded = 0
  await work()
  return folded
}

beforeEach(() => {
  vi.stubGlobal('navigator', { locks: createLocks() })
})

test('rule 21: a view of the past begins at the rows that were kept before it, and shows what a fold from zero shows', async () => {
  const name = freshName()
  const engine = await open(name)
  await grow(engine)
  expect(await kept(name)).toEqual({ count: PLACES, places: PLACES })
  const wanted = [EVENTS, EVENTS - 1, EVENTS - 2000, 24_999, 16_800, 16_501, 16_499, 9000, 300, 8501, 25_300]
  const states = await statesAt(engine, wanted)

  let past: Awaited<ReturnType<typeof at>>
  expect(await foldedBy(async () => void (past = await at(engine as never, EVENTS)))).toBe(EVENTS - 25_000)
  for (const sequence of wanted) {
    const most = sequence === EVENTS - 1 ? 0 : 8500 + 256
    expect(await foldedBy(() => past.move(sequence))).toBeLessThanOrEqual(most)
    expect(past!.sequence).toBe(sequence)
    expect(past!.event?.sequence).toBe(sequence)
    expect(shown(past!)).toEqual(states.get(sequence))
  }
  for (const sequence of wanted) expect(shown(await at(engine, sequence))).toEqual(states.get(sequence))
})

test('rule 21: a date begins at kept rows whose events are all no later, and finds the same event', async () => {
  const name = freshName()
  const engine = await open(name)
  await grow(engine, 26_000)
  await later(5)
  const between = new Date()
  await later(5)
  await grow(engine)
  const states = await statesAt(engine, [26_000])
  let past: Awaited<ReturnType<typeof at>>
  // Up to the commit that is later than the date, and once more for the way back.
  const most = 2 * (26_000 - 16_500) + COMMIT
  expect(await foldedBy(async () => void (past = await at(engine as never, between)))).toBeLessThanOrEqual(most)
  expect(past!.sequence).toBe(26_000)
  expect(shown(past!)).toEqual(states.get(26_000))
})

test('rule 21: an event whose clock was ahead keeps later rows from being used for an earlier date', async () => {
  const name = freshName()
  const engine = await open(name)
  await grow(engine, 12_000)
  const between = new Date(Date.now() + 60_000)
  const { now } = Date
  atEnd(() => (Date.now = now))
  Date.now = () => now() + 120_000
  await engine.dispatch.move(COMMIT)
  Date.now = now
  await grow(engine)
  expect((await at(engine, between)).sequence).toBe(12_000)
})

test('rule 21: rows of another log, of other code, or damaged ones are not used', async () => {
  const name = freshName()
  const engine = await open(name)
  await grow(engine)
  const states = await statesAt(engine, [EVENTS])
  const change = (make: (value: any) => any) =>
    inDatabase(name, (store) => {
      const rows = store('rowEvents').openCursor()
      rows.onsuccess = () => {
        const cursor = rows.result
        if (!cursor) return
        if ((cursor.key as unknown[])[2] === 'at') cursor.update(make(cursor.value))
        cursor.continue()
      }
    })
  for (const [make, most] of [
    [(value: any) => value, EVENTS - 25_000],
    [(value: any) => ({ ...value, code: 'other' }), EVENTS],
    [(value: any) => ({ ...value, lineage: 'other' }), EVENTS],
    [(value: any) => ({ ...value, rows: value.rows.slice(1) }), EVENTS],
  ] as const) {
    const before = await dump(name, 'rowEvents')
    await change(make)
    let past: Awaited<ReturnType<typeof at>>
    expect(await foldedBy(async () => void (past = await at(engine as never, EVENTS)))).toBe(most)
    expect(shown(past!)).toEqual(states.get(EVENTS))
    await inDatabase(name, (store) => {
      for (const { key, value } of before) store('rowEvents').put(value, key)
    })
  }
})

test('rule 21: a new version and a rebuild fold and keep their own rows', async () => {
  const name = freshName()
  const first = await open(name)
  await grow(first)
  await first.close()
  const changed = model(2, otherEvolve)
  const engine = (await open(name, changed as never)) as Engine
  const states = await statesAt(engine, [EVENTS, 17_000], changed as never)
  await engine.projected()
  for (const sequence of [EVENTS, 17_000]) expect(shown(await at(engine, sequence))).toEqual(states.get(sequence))

  await inDatabase(name, (store) => {
    const rows = store('rowEvents').openCursor()
    rows.onsuccess = () => {
      const cursor = rows.result
      if (!cursor) return
      // A mistake that a rebuild has to mend.
      if ((cursor.key as unknown[])[2] === 'at') cursor.update({ ...cursor.value, rows: [], numbers: [] })
      cursor.continue()
    }
  })
  await engine.rebuild()
  for (const sequence of [EVENTS, 17_000]) expect(shown(await at(engine, sequence))).toEqual(states.get(sequence))
  expect(await foldedBy(() => at(engine, EVENTS))).toBeLessThanOrEqual(EVENTS - 16_500)
})

test('rule 21: an archived log uses the rows that were kept after its base', async () => {
  const name = freshName()
  const engine = await open(name)
  await grow(engine)
  const states = await statesAt(engine, [EVENTS, 20_000])
  await archive(engine, { before: 12_000 })
  let past: Awaited<ReturnType<typeof at>>
  expect(await foldedBy(async () => void (past = await at(engine as never, EVENTS)))).toBe(EVENTS - 25_000)
  expect(shown(past!)).toEqual(states.get(EVENTS))
  await past!.move(20_000)
  expect(shown(past!)).toEqual(states.get(20_000))
})

test('rule 12: an archive leaves no rows of the past from before its base', async () => {
  const name = freshName()
  const engine = await open(name)
  await grow(engine)
  await archive(engine, { before: 20_000 })
  expect(await kept(name)).toEqual({ count: [25_000], places: [25_000] })
})

test('rule 21: a longer log keeps fewer rows of its beginning', async () => {
  const name = freshName()
  const engine = await open(name)
  await grow(engine, 140_000)
  const { places = [] } = await kept(name)
  expect(places.map((sequence) => Math.floor(sequence / 8192))).toEqual([4, 8, 10, 12, 14, 15, 16, 17])
  // Between two of them, a view keeps its own.
  const past = await at(engine, 139_000)
  expect(await foldedBy(() => past.move(64_000))).toBeGreaterThan(24_000)
  for (const sequence of [58_000, 50_000]) {
    expect(await foldedBy(() => past.move(sequence))).toBeLessThanOrEqual(8192 + COMMIT)
    expect(past.sequence).toBe(sequence)
  }
})

test('rule 21: a value that grows with the log keeps no rows of the past, as a large table keeps none', async () => {
  const name = freshName()
  const of = defineModel({
    name: 'large value',
    events,
    projections: {
      last: projection(events, { into: value({ id: '' }), evolve: { moved: (_, { data: { id } }) => ({ id }) } }),
      texts: projection(events, { into: value(''), evolve: { moved: (all, { data: { id } }) => all + id } }),
    },
    commands: { move: (_, n: number) => Array.from({ length: n }, () => events.moved({ id: 'x'.repeat(200), to: 1 })) },
  })
  const engine = await openEngine(of, { name })
  atEnd(() => engine.close())
  while (engine.status.sequence < 17_000) await engine.dispatch.move(COMMIT)
  await engine.projected()
  expect(await kept(name)).toEqual({ last: [8500, 16_500] })
})

test('rule 19: when space is short, the rows of the past go first, in whichever build they are', async () => {
  const name = freshName()
  const engine = await open(name)
  await grow(engine)
  const database = await openDatabase(name)
  atEnd(() => database.close())
  const pages = await dump(name, 'pages')
  const tracks = createFolds(model() as unknown as AnyModel).map((fold) => ({ fold, build: 'a rebuild' }) as Track)
  await giveWay(database, new StorageError('quota', ''), tracks)
  expect(await kept(name)).toEqual({})
  expect(await dump(name, 'pages')).toEqual(pages)
  await giveWay(database, new StorageError('quota', ''), tracks)
  expect(await dump(name, 'pages')).toEqual([])
})

test('rule 19: a command for which there is no room removes the rows of the past, and nothing else if that is enough', async () => {
  const name = freshName()
  const engine = await open(name)
  await grow(engine)
  const pages = await dump(name, 'pages')
  const fault = broken()
  fault.onTransaction = (transaction, stores, mode) => {
    if (!isAppend(stores, mode)) return
    fault.onTransaction = undefined
    abortWith(transaction, 'QuotaExceededError')
  }
  await engine.dispatch.move(1)
  expect(await kept(name)).toEqual({})
  expect((await dump(name, 'pages')).map(({ key }) => key)).toEqual(pages.map(({ key }) => key))
})

test('rule 19: if there is no room for rows of the past, the pages are written without them, and nothing is removed', async () => {
  const name = freshName()
  const engine = await open(name)
  let met = 0
  const holds: unknown[] = []
  broken().onWrite = (store, value, key, transaction) => {
    if (store === 'meta' && key === 'hold') holds.push(value)
    if (store !== 'rowEvents' || (key as unknown[])[2] !== 'at') return
    met++
    abortWith(transaction, 'QuotaExceededError')
  }
  await grow(engine)
  expect(met).toBeGreaterThan(0)
  expect(holds).toEqual([])
  expect(await kept(name)).toEqual({})
  expect((await dump(name, 'checkpoints')).map(({ value }) => value.sequence)).toEqual([EVENTS, EVENTS])
})
