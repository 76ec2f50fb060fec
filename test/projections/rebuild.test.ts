import { defineEvents, defineModel, event, openEngine, projection, table, value } from 'tidemark'
import { expect, test } from 'vitest'
import { wire } from '../engine/channel.ts'
import { broken } from '../engine/kit.ts'
import { freshName } from '../engine/todos.ts'
import { type AnyModel, openDatabase } from '../log/rooms.ts'
import { dump } from '../log/storage.ts'
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

/** Lets `writes` transactions of pages pass and none after: what a worker leaves that is killed there. */
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

test('a rebuild that is killed at any of its writes leaves the live rows, is taken up where it was, and ends with equal ones', async () => {
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
    // Nothing of the build that was taken up, or of the rows before, is left.
    expect(new Set((await dump(name, 'checkpoints')).map(({ value }) => value.identity)).size).toBe(2)
    expect(await dump(name, 'checkpoints')).toHaveLength(2)
    expect(builds.length).toBeLessThanOrEqual(4)
  }
  // Its first flush, at least one in the middle, and the swap.
  expect(killed).toBeGreaterThanOrEqual(3)
}, 120_000)

test('a rebuild that is taken up tells where it goes on', async () => {
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

test('a new version: the tab that opens first folds it itself, the host builds it beside the old one, resumed after a kill, and the others keep their pages', async () => {
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
  // Old tabs keep theirs.
  expect(await persisted(name, plain())).toEqual(old)
}, 60_000)

test('a tab that opens on a version nothing is persisted of shows how far its host is', async () => {
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
