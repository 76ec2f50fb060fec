import { defineEvents, defineModel, event, openEngine, projection, table, value } from 'tidemark'
import { expect, test } from 'vitest'
import { wire } from '../engine/channel.ts'
import { atEnd, broken } from '../engine/kit.ts'
import { freshName } from '../engine/todos.ts'
import { type AnyModel, openDatabase } from '../log/rooms.ts'
import { abortWith, dump } from '../log/storage.ts'
import { createFolds, createPipeline, readSnapshot } from './rooms.ts'

const events = defineEvents({ moved: event<{ id: string; by: number }>() })
const app = (version = 1, sign = 1) =>
  defineModel({
    name: 'counters',
    events,
    projections: {
      sums: projection(events, {
        into: table<{ id: string; sum: number }>('id', { history: true }),
        version,
        evolve: { moved: (row, { data: { id, by } }) => ({ id, sum: (row?.sum ?? 0) + sign * by }) },
      }),
      total: projection(events, { into: value(0), evolve: { moved: (sum, { data: { by } }) => sum + by } }),
    },
    commands: {
      move: (_, { times }: { times: number }) =>
        Array.from({ length: times }, (_, i) => events.moved({ id: `r${i % 700}`, by: i % 7 })),
    },
  })
const plain = (version?: number, sign?: number) => app(version, sign) as unknown as AnyModel

async function recorded(commits: number): Promise<string> {
  const name = freshName()
  const engine = await openEngine(app(), { name })
  for (let i = 0; i < commits; i++) await engine.dispatch.move({ times: 1000 })
  await engine.projected()
  await engine.close()
  return name
}

/** What a boot would show from the pages alone. */
async function persisted(name: string, model: AnyModel) {
  const database = await openDatabase(name, false)
  const folds = createFolds(model)
  const { discarded, checkpoints } = await readSnapshot(database, folds)
  database.close()
  expect(discarded).toEqual([])
  const rows = folds.map(({ slots, next }) => ({ next, rows: [...slots].map(({ n, row }) => [n, row]) }))
  return { rows, sequences: folds.map(({ identity }) => checkpoints.get(identity)?.sequence) }
}

/** Lets `writes` transactions of pages pass and none after them: the state that a worker leaves if it is killed then. */
function killAfter(writes: number): ReturnType<typeof broken> {
  const faults = broken()
  const seen = new Set<IDBTransaction>()
  faults.onWrite = (store, _, __, transaction) => {
    if (!['pages', 'checkpoints', 'rowEvents', 'meta'].includes(store)) return
    seen.add(transaction)
    if (seen.size > writes) throw new DOMException('killed', 'AbortError')
  }
  return faults
}

test('a rebuild that is killed at any write keeps the live rows, resumes there, and ends with equal rows', async () => {
  wire()
  const name = await recorded(30)
  const before = await persisted(name, plain())
  let killed = 0
  for (let writes = 0; ; writes++) {
    const faults = killAfter(writes)
    const first = await createPipeline(plain(), name)
    const failed = await first.rebuild('first').then(
      () => false,
      () => true,
    )
    faults.stop()
    await first.close()
    expect(await persisted(name, plain())).toEqual(before)
    if (!failed) break
    killed++
    const builds = (await dump(name, 'checkpoints')).filter(({ value }) => value.build !== '')
    const second = await createPipeline(plain(), name)
    await second.rebuild('second')
    await second.close()
    expect(await persisted(name, plain())).toEqual(before)
    // Nothing is left of the interrupted build or of the rows before it.
    expect(new Set((await dump(name, 'checkpoints')).map(({ value }) => value.identity)).size).toBe(2)
    expect(await dump(name, 'checkpoints')).toHaveLength(2)
    expect(builds.length).toBeLessThanOrEqual(4)
  }
  // The first flush, at least one in the middle, and the swap.
  expect(killed).toBeGreaterThanOrEqual(3)
}, 120_000)

test('a resumed rebuild reports the event from which it continues', async () => {
  const net = wire()
  const name = await recorded(40)
  const faults = killAfter(1)
  const first = await createPipeline(plain(), name)
  await expect(first.rebuild('first')).rejects.toBeDefined()
  faults.stop()
  await first.close()
  const left = (await dump(name, 'checkpoints')).find(({ value }) => value.build !== '')!.value.sequence
  expect(left).toBeGreaterThan(0)
  net.sent.length = 0
  const second = await createPipeline(plain(), name)
  await second.rebuild('second')
  await second.close()
  const told = net.sent.flatMap(({ progress }) => progress ?? [])
  expect(told[0]).toMatchObject({ phase: 'rebuild', done: left, total: 40_000 })
  expect(told.at(-1)).toMatchObject({ done: 40_000, total: 40_000 })
}, 60_000)

test('a new version: the first tab folds it itself; the host builds it beside the old one and resumes after a kill; the other projections keep their pages', async () => {
  wire()
  const name = await recorded(30)
  const old = await persisted(name, plain())
  // The host of the new version dies in the middle of its build.
  const faults = killAfter(1)
  const first = await createPipeline(plain(2, -1), name)
  await first.flush().catch(() => {})
  faults.stop()
  await first.close()
  const { sequences } = await persisted(name, plain(2, -1))
  expect(sequences[0]).toBeGreaterThan(0)
  expect(sequences[0]).toBeLessThan(30_000)
  expect(sequences[1]).toBe(30_000)

  const engine = await openEngine(app(2, -1), { name })
  expect(engine.status.projections).toMatchObject({
    sums: { state: 'ready' },
    total: { state: 'ready', sequence: 30_000 },
  })
  expect(engine.read.sums.get('r1')?.sum).toBeLessThan(0)
  const live = engine.read.sums.all()
  await engine.projected()
  await engine.close()
  const built = await persisted(name, plain(2, -1))
  expect(built.sequences).toEqual([30_000, 30_000])
  expect(built.rows[0]?.rows.map(([, row]) => row)).toEqual(live)
  // Old tabs keep their pages.
  expect(await persisted(name, plain())).toEqual(old)
}, 60_000)

test('a tab that opens while nothing of its version is persisted shows the progress of the host', async () => {
  wire()
  const name = await recorded(30)
  const engine = await openEngine(app(3), { name })
  const seen = new Set<number>()
  engine.subscribe(() => {
    const { progress } = engine.status.projections.sums
    if (progress) {
      expect(progress).toMatchObject({ phase: 'rebuild', total: 30_000 })
      seen.add(progress.done)
    }
    expect(engine.status.projections.total.progress).toBeUndefined()
  })
  await engine.projected()
  await expect.poll(() => engine.status.projections.sums).toEqual({ state: 'ready', sequence: 30_000 })
  expect(seen.size).toBeGreaterThan(0)
  await engine.close()
}, 60_000)

/** How often the log was read from its first event. */
function foldsOf(): { count: number } {
  const folds = { count: 0 }
  const { getAll } = IDBObjectStore.prototype
  IDBObjectStore.prototype.getAll = function (query, ...rest) {
    if (this.name === 'commits' && query instanceof IDBKeyRange && query.lower === 1) folds.count++
    return getAll.call(this, query, ...rest)
  }
  atEnd(() => (IDBObjectStore.prototype.getAll = getAll))
  return folds
}

test('rebuilds that are requested at once run as one, and aborting one request ends no other', async () => {
  wire()
  const name = await recorded(10)
  const before = await persisted(name, plain())
  const pipeline = await createPipeline(plain(), name)
  await pipeline.flush()
  const folds = foldsOf()
  const asked = Array.from({ length: 12 }, (_, i) => pipeline.rebuild(`r${i}`, i % 3 ? undefined : ['sums']))
  pipeline.cancel('r1')
  const ends = await Promise.allSettled(asked)
  expect(ends.map(({ status }) => status)).toEqual(
    Array.from({ length: 12 }, (_, i) => (i === 1 ? 'rejected' : 'fulfilled')),
  )
  // One rebuild of `sums`, which was requested first, and one of all projections.
  expect(folds.count).toBeLessThanOrEqual(4)
  expect(await persisted(name, plain())).toEqual(before)
  await pipeline.close()
})

test('rebuilds of several pages at once do not restart each other: each uses what another has finished', async () => {
  wire()
  const name = await recorded(10)
  const before = await persisted(name, plain())
  const pipelines = await Promise.all(Array.from({ length: 8 }, () => createPipeline(plain(), name)))
  for (const one of pipelines) await one.flush()
  const folds = foldsOf()
  await Promise.all(pipelines.map((one, i) => one.rebuild(`r${i}`)))
  // A few begin twice: one may resume a build that another is still writing.
  expect(folds.count).toBeLessThanOrEqual(3 * 8)
  expect(await persisted(name, plain())).toEqual(before)
  for (const one of pipelines) await one.close()
})

test('a rebuild and a flush on a full disk report that, and the log works once there is space again', async () => {
  wire()
  const name = await recorded(5)
  const before = await persisted(name, plain())
  const pipeline = await createPipeline(plain(), name)
  await pipeline.flush()
  const faults = broken()
  faults.onWrite = (store, _, __, transaction) => {
    if (store === 'pages') abortWith(transaction, 'QuotaExceededError')
  }
  await expect(pipeline.rebuild('no room')).rejects.toMatchObject({ name: 'StorageError', kind: 'quota' })
  // Rule 19: the pages were dropped, and no pipeline writes them again until an event is appended.
  await expect(pipeline.rebuild('held')).rejects.toMatchObject({ name: 'StorageError', kind: 'quota' })
  await expect(pipeline.flush()).rejects.toMatchObject({ name: 'StorageError', kind: 'quota' })
  faults.stop()
  await expect(pipeline.rebuild('still held')).rejects.toMatchObject({ name: 'StorageError', kind: 'quota' })
  const engine = await openEngine(app(), { name })
  await engine.dispatch.move({ times: 1 })
  await engine.close()
  expect(Object.values(await pipeline.flush())).toEqual([5001, 5001])
  await pipeline.rebuild('room')
  await pipeline.close()
  const after = await persisted(name, plain())
  expect(after.sequences).toEqual([5001, 5001])
  expect(after.rows[0]?.rows).toHaveLength(before.rows[0]?.rows.length ?? 0)
})

test('a pipeline that has stored nothing yet does not add to pages that a rebuild has swapped in', async () => {
  // The messages of one do not reach the other.
  wire().fate = () => 0
  const name = await recorded(1)
  const before = await persisted(name, plain())
  const database = await openDatabase(name, false)
  await database.transact(['checkpoints', 'pages', 'rowEvents'], 'readwrite', (store) => {
    for (const one of ['checkpoints', 'pages', 'rowEvents'] as const) store(one).clear()
  })
  database.close()
  const [slow, fast] = [await createPipeline(plain(), name), await createPipeline(plain(), name)]
  // It has folded the log and stored no page.
  await slow.shop.atHead(async () => {}, true)
  expect(slow.shop.tracks?.map(({ stored }) => stored)).toEqual([undefined, undefined])
  await fast.rebuild('first')
  expect(Object.values(await slow.flush())).toEqual([1000, 1000])
  const stored = (await dump(name, 'checkpoints')) as { readonly value: { readonly build: string } }[]
  expect(stored.map(({ value }) => value.build)).not.toContain('')
  expect(await persisted(name, plain())).toEqual(before)
  for (const one of [slow, fast]) await one.close()
})
