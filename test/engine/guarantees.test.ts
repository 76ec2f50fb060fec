import { openEngine } from 'tidemark'
import { expect, test } from 'vitest'
import { abortWith, dump, inDatabase, isAppend } from '../log/storage.ts'
import { wire } from './channel.ts'
import { broken, quiet, ranges, tab, theLog } from './kit.ts'
import { collect, freshName, later, newerApp, openTab, outcome, shown } from './todos.ts'

test('guarantee 1: committed sequences are exactly 1 to the head, in any race', async () => {
  const name = freshName()
  const tabs = await Promise.all([tab(name), tab(name), tab(name)])
  const receipts = await Promise.all(
    Array.from({ length: 90 }, (_, i) =>
      i % 4 ? tabs[i % 3]!.dispatch.add({ title: 'x' }) : tabs[i % 3]!.dispatch.addMany({ ids: [`a${i}`, `b${i}`] }),
    ),
  )
  const sequences = receipts.flatMap(({ events }) => events.map(({ sequence }) => sequence)).sort((a, b) => a - b)
  const head = 90 + Math.ceil(90 / 4)
  expect(sequences).toEqual(Array.from({ length: head }, (_, i) => i + 1))
  expect(await ranges(name)).toEqual([[1, head]])
})

test('guarantee 1: a boot that meets a hole reports corruption, and nothing is dropped', async () => {
  const name = freshName()
  const writer = await openTab(name)
  for (let i = 0; i < 5; i++) await writer.dispatch.add({ title: 'x' })
  await writer.close()
  // Its pipeline may be writing the last pages.
  await quiet()
  await inDatabase(name, (store) => {
    store('commits').delete(3)
    store('checkpoints').clear()
    store('pages').clear()
  })
  const before = await theLog(name)
  await expect(openTab(name)).rejects.toMatchObject({ name: 'CorruptLog', sequence: 3 })
  expect(await theLog(name)).toEqual(before)
})

test('guarantee 1: a live tab that meets a hole keeps what it shows, refuses to dispatch and drops nothing', async () => {
  const name = freshName()
  const net = wire()
  net.fate = () => 0
  const [a, b] = [await tab(name), await tab(name)]
  await b.dispatch.add({ title: 'seen' })
  await a.dispatch.add({ title: 'not seen' })
  await a.dispatch.add({ title: 'missing' })
  await a.dispatch.add({ title: 'behind' })
  expect(b.status.sequence).toBe(1)
  await inDatabase(name, (store) => store('commits').delete(3))
  const before = await theLog(name)
  const pending = outcome(b.dispatch.add({ title: 'lost race' }))
  expect(await pending).toMatchObject({ name: 'CorruptLog' })
  expect(b.status.state).toBe('failed')
  expect(b.status.lastError).toMatchObject({ name: 'CorruptLog', sequence: 3 })
  expect(b.read.todos.all()).toMatchObject([
    { title: 'seen' },
    ...(b.status.sequence > 1 ? [{ title: 'not seen' }] : []),
  ])
  await expect(b.dispatch.add({ title: 'y' })).rejects.toMatchObject({ name: 'CorruptLog' })
  expect(await theLog(name)).toEqual(before)
})

test('guarantee 2: what a dispatch resolved with is in the log when it resolves', async () => {
  const name = freshName()
  const a = await tab(name)
  for (let i = 1; i <= 20; i++) {
    const { sequence, commandId, events } = await a.dispatch.add({ title: `t${i}` })
    const stored = (await dump(name, 'commits')).at(-1)!.value
    expect(stored.last).toBe(sequence)
    expect(JSON.parse(stored.body)).toMatchObject([
      { id: commandId, at: events[0]!.at, events: [{ type: 'todoAdded', data: events[0]!.data }] },
    ])
  }
})

test('guarantee 2: a dispatch settles at complete, not before', async () => {
  const name = freshName()
  const a = await tab(name)
  let complete = false
  broken().onTransaction = (transaction, stores, mode) => {
    if (isAppend(stores, mode)) transaction.addEventListener('complete', () => (complete = true))
  }
  await a.dispatch.add({ title: 'x' })
  expect(complete).toBe(true)
})

test('guarantee 2: whatever rejects a dispatch, it left nothing', async () => {
  const name = freshName()
  const a = await tab(name, { poison: 'poison' })
  await a.dispatch.add({ id: 'first', title: 'first' })
  const before = await theLog(name)
  const was = shown(a)
  const fault = broken()
  const all = [
    () => a.dispatch.toggle({ id: 'missing' }, { commandId: 'rejected' }),
    () => a.dispatch.add({ title: 'poison' }, { commandId: 'poison' }),
    () => a.dispatch.add({ title: Number.NaN as never }),
    () => a.dispatch.add({ title: 'x' }, { meta: (() => 0) as never }),
    () => a.dispatch.add({ title: 'x' }, { signal: AbortSignal.abort(new Error('aborted')) }),
    () => {
      fault.onTransaction = (transaction, stores, mode) => {
        if (isAppend(stores, mode)) abortWith(transaction, 'QuotaExceededError')
      }
      return a.dispatch.add({ title: 'quota' }, { commandId: 'quota' })
    },
    () => {
      fault.onTransaction = (transaction, stores, mode) => {
        if (isAppend(stores, mode)) abortWith(transaction, 'UnknownError')
      }
      return a.dispatch.addMany({ ids: ['p', 'q'] }, { commandId: 'aborted' })
    },
  ]
  const names: string[] = []
  for (const one of all) {
    const error = await outcome(one())
    names.push((error as Error).name)
    fault.onTransaction = undefined
    expect(shown(a)).toEqual(was)
    expect(a.status).toMatchObject({ sequence: 1, pending: 0, state: 'ready' })
    expect(await theLog(name)).toEqual(before)
  }
  expect(names).toEqual([
    'CommandRejected',
    'RangeError',
    'InvalidData',
    'InvalidData',
    'Error',
    'StorageError',
    'StorageError',
  ])
  expect(await a.dispatch.add({ title: 'on it goes' })).toMatchObject({ sequence: 2 })
})

test('guarantee 2: all events of one command or none', async () => {
  const name = freshName()
  const a = await tab(name, { poison: 'z' })
  await expect(a.dispatch.addMany({ ids: ['x', 'y', 'z'] })).rejects.toThrow('no z')
  expect(a.read.todos.size).toBe(0)
  expect(await dump(name, 'commits')).toEqual([])
  const { events } = await a.dispatch.addMany({ ids: ['x', 'y'] })
  expect(events.map(({ sequence }) => sequence)).toEqual([1, 2])
  expect(await dump(name, 'commits')).toHaveLength(1)
})

test('guarantee 3: every command was decided on exactly the state it was appended to', async () => {
  const name = freshName()
  const tabs = await Promise.all([tab(name), tab(name), tab(name)])
  for (let round = 0; round < 8; round++)
    await Promise.all(tabs.flatMap((one) => Array.from({ length: 5 }, () => one.dispatch.number())))
  await expect.poll(() => tabs[0]!.status.sequence).toBe(120)
  const all = await collect(tabs[0]!.history())
  expect(all.map(({ data }: any) => data.title)).toEqual(Array.from({ length: 120 }, (_, i) => String(i)))
})

test('guarantee 3: of two tabs that want the same name, one gets it and the other is told so', async () => {
  const name = freshName()
  const [a, b] = [await tab(name), await tab(name)]
  for (let i = 0; i < 15; i++) {
    const both = await Promise.all([
      outcome(a.dispatch.addOnce({ id: `n${i}`, title: 'a' })),
      outcome(b.dispatch.addOnce({ id: `n${i}`, title: 'b' })),
    ])
    expect(both.filter((one) => !(one instanceof Error))).toHaveLength(1)
    expect(both.find((one) => one instanceof Error)).toMatchObject({ name: 'CommandRejected', code: 'taken' })
  }
  expect(await ranges(name)).toEqual([[1, 15]])
})

test('guarantee 4: the same id again, from any tab and after a restart: the first answer, appended once', async () => {
  const name = freshName()
  const [a, b] = [await tab(name), await tab(name)]
  const input = { id: 'x', title: 'x' }
  const first = await a.dispatch.addOnce(input, { commandId: 'once' })
  expect(first.duplicate).toBe(false)
  const again = { ...first, duplicate: true }
  expect(await a.dispatch.addOnce(input, { commandId: 'once' })).toEqual(again)
  expect(await b.dispatch.addOnce({ title: 'x', id: 'x' }, { commandId: 'once' })).toEqual(again)
  await Promise.all([a.close(), b.close()])
  const c = await tab(name)
  expect(await c.dispatch.addOnce(input, { commandId: 'once' })).toEqual(again)
  expect(await ranges(name)).toEqual([[1, 1]])
  expect(c.status.sequence).toBe(1)
})

test('guarantee 4: the same id at once in two tabs is appended once, and both get that answer', async () => {
  const name = freshName()
  const [a, b] = [await tab(name), await tab(name)]
  const [x, y] = await Promise.all([
    a.dispatch.add({ title: 'x' }, { commandId: 'both' }),
    b.dispatch.add({ title: 'x' }, { commandId: 'both' }),
  ])
  expect([x.duplicate, y.duplicate].sort()).toEqual([false, true])
  expect({ ...x, duplicate: 0 }).toEqual({ ...y, duplicate: 0 })
  expect(await ranges(name)).toEqual([[1, 1]])
  await expect.poll(() => [a.read.todos.size, b.read.todos.size]).toEqual([1, 1])
})

test('guarantee 4: the same id with another command or input is a conflict and leaves nothing', async () => {
  const name = freshName()
  const [a, b] = [await tab(name), await tab(name)]
  await a.dispatch.add({ id: 'x', title: 'x' }, { commandId: 'one' })
  for (const dispatch of [
    () => a.dispatch.add({ id: 'x', title: 'y' }, { commandId: 'one' }),
    () => b.dispatch.add({ id: 'x', title: 'y' }, { commandId: 'one' }),
    () => b.dispatch.addOnce({ id: 'x', title: 'x' }, { commandId: 'one' }),
    () => a.dispatch.remove({ id: 'x' }, { commandId: 'one' }),
  ])
    await expect(dispatch()).rejects.toMatchObject({ name: 'CommandIdConflict', commandId: 'one' })
  expect(a.read.todos.all()).toEqual([{ id: 'x', title: 'x', done: false }])
  expect(await ranges(name)).toEqual([[1, 1]])
})

test('guarantee 4: a command that appended nothing leaves nothing to remember', async () => {
  const name = freshName()
  const a = await tab(name)
  expect(await a.dispatch.nothing(undefined, { commandId: 'one' })).toEqual({
    commandId: 'one',
    sequence: 0,
    events: [],
    duplicate: false,
  })
  await expect(a.dispatch.toggle({ id: 'x' }, { commandId: 'one' })).rejects.toMatchObject({ code: 'todo-not-found' })
  expect(await a.dispatch.add({ title: 'x' }, { commandId: 'one' })).toMatchObject({ sequence: 1, duplicate: false })
})

test('guarantee 5: a projection of a new version is folded from zero while the others stay where they are', async () => {
  const name = freshName()
  const a = await tab(name)
  for (let i = 0; i < 10; i++) await a.dispatch.add({ title: `t${i % 3}` })
  await a.projected()
  await a.dispatch.add({ title: 'tail' })
  const was = shown(a)
  await a.close()
  const b = await tab(name, { version: 2 })
  expect(shown(b)).toEqual(was)
  await b.projected()
  await b.close()
  expect(shown(await tab(name, { version: 2 }))).toEqual(was)
  expect(shown(await tab(name))).toEqual(was)
})

test('guarantee 5: a pipeline that misses one commit does not jump over it', async () => {
  const name = freshName()
  const net = wire()
  let commits = 0
  net.fate = (message) => ('commit' in message && commits++ % 3 === 1 ? 0 : 1)
  const [a, b] = [await tab(name), await tab(name)]
  for (let i = 0; i < 30; i++) await a.dispatch.add({ title: `t${i % 7}` })
  await a.projected()
  await expect.poll(() => b.status.sequence).toBe(30)
  const c = await tab(name)
  expect(shown(c)).toEqual(shown(a))
  expect(shown(b)).toEqual(shown(a))
  expect(c.read.count.value).toBe(30)
})

test('guarantee 5: a tab that no hint of a commit reaches learns from the pipeline that the log grew', async () => {
  const name = freshName()
  const net = wire()
  const [a, b] = [await tab(name), await tab(name)]
  net.fate = (message) => ('commit' in message ? 0 : 1)
  for (let i = 0; i < 5; i++) await a.dispatch.add({ title: `t${i}` })
  await a.projected()
  await expect.poll(() => b.status.sequence).toBe(5)
})

test('guarantee 7: rebuilt rows are the live ones, order included, in memory and on disk', async () => {
  const name = freshName()
  const a = await tab(name)
  for (let i = 0; i < 40; i++) await a.dispatch.add({ id: `t${i}`, title: `t${i % 5}` })
  for (let i = 0; i < 40; i += 3) await a.dispatch.toggle({ id: `t${i}` })
  await a.dispatch.clearDone()
  await a.dispatch.add({ id: 't3', title: 'again' })
  await a.projected()
  const was = shown(a)
  const rowsOf = async () => (await dump(name, 'pages')).map(({ key, value }) => [key[0], key[2], value.rows])
  const stored = await rowsOf()
  await a.rebuild()
  expect(shown(a)).toEqual(was)
  const again = await rowsOf()
  expect(again.map(([, , rows]) => rows)).toEqual(stored.map(([, , rows]) => rows))
  expect(shown(await tab(name))).toEqual(was)
})

test('guarantee 9: a dispatch is visible in its own tab in the same turn, in others only once it is committed', async () => {
  const name = freshName()
  const [a, b] = [await tab(name), await tab(name)]
  let inLog = 0
  const seen: [number, number][] = []
  broken().onTransaction = (transaction, stores, mode) => {
    if (isAppend(stores, mode)) transaction.addEventListener('complete', () => inLog++)
  }
  b.subscribe(() => seen.push([b.read.todos.size, inLog]))
  const sent = a.dispatch.add({ title: 'x' })
  expect(a.read.todos.size).toBe(1)
  expect(b.read.todos.size).toBe(0)
  await sent
  await expect.poll(() => b.read.todos.size).toBe(1)
  for (const [rows, committed] of seen) expect(rows).toBeLessThanOrEqual(committed)
})

test('guarantee 9, hazard 15: other tabs see commits in order and without gaps, whatever the channel does', async () => {
  const name = freshName()
  const net = wire()
  let turn = 0
  net.fate = () => [1, 'hold', 2, 0, 'hold'][turn++ % 5] as number
  const [a, b] = [await tab(name), await tab(name)]
  const seen: string[][] = []
  b.subscribe(() => seen.push(b.read.todos.all().map(({ title }) => title)))
  for (let i = 0; i < 40; i++) {
    await a.dispatch.add({ title: String(i) })
    if (i % 7 === 6) net.release((held) => held.reverse())
  }
  net.fate = () => 1
  net.release()
  await a.dispatch.add({ title: '40' })
  await expect.poll(() => b.status.sequence).toBe(41)
  for (const titles of seen) expect(titles).toEqual(Array.from({ length: titles.length }, (_, i) => String(i)))
  expect(shown(b)).toEqual(shown(a))
})

test('guarantee 9: losing every message costs latency only', async () => {
  const name = freshName()
  wire().fate = () => 0
  const [a, b] = [await tab(name), await tab(name)]
  for (let i = 0; i < 10; i++) await (i % 2 ? a : b).dispatch.number()
  expect((await collect(b.history())).map(({ data }: any) => data.title)).toEqual(
    [...'0123456789'].slice(0, b.status.sequence),
  )
  const c = await tab(name)
  expect(c.read.todos.all().map(({ title }) => title)).toEqual([...'0123456789'])
})

test.each([
  ['an unknown event type', (newer: any) => newer.dispatch.star({ id: 'x' })],
  ['a newer version of an event', (newer: any) => newer.dispatch.add({ id: 'y', title: 'y' })],
])(
  'guarantee 10: %s puts a live tab in `outdated`: it keeps its rows, refuses to dispatch and says so',
  async (_, write) => {
    const name = freshName()
    const a = await tab(name)
    await a.dispatch.add({ id: 'x', title: 'x' })
    const was = shown(a)
    const newer = await openEngine(newerApp(), { name })
    await write(newer)
    await expect.poll(() => a.status.state).toBe('outdated')
    expect(a.status.lastError).toMatchObject({ name: 'OutdatedCodeError' })
    expect(a.status.sequence).toBe(1)
    expect(shown(a)).toEqual(was)
    await expect(a.dispatch.add({ title: 'no' })).rejects.toMatchObject({ name: 'OutdatedCodeError' })
    await expect(a.projected()).rejects.toMatchObject({ name: 'OutdatedCodeError' })
    expect(await ranges(name)).toEqual([[1, 2]])
    await newer.close()
  },
)

test('guarantee 10: a tab that loses a race against a newer build is outdated and appends nothing', async () => {
  const name = freshName()
  wire().fate = () => 0
  const a = await tab(name)
  const newer = await openEngine(newerApp(), { name })
  await newer.dispatch.star({ id: 'x' })
  const before = await theLog(name)
  await expect(a.dispatch.add({ title: 'no' })).rejects.toMatchObject({
    name: 'OutdatedCodeError',
    type: 'todoStarred',
  })
  expect(a.read.todos.size).toBe(0)
  expect(await theLog(name)).toEqual(before)
  await newer.close()
})

test('guarantee 10: at boot an older build opens outdated on the stored snapshot, and persists nothing', async () => {
  const name = freshName()
  const a = await tab(name)
  await a.dispatch.add({ id: 'x', title: 'x' })
  await a.projected()
  await a.close()
  const newer = await openEngine(newerApp(), { name })
  await newer.dispatch.star({ id: 'x' })
  await newer.projected()
  await newer.close()
  const before = [await dump(name, 'pages'), await dump(name, 'checkpoints'), await theLog(name)]
  const b = await tab(name)
  expect(b.status).toMatchObject({ state: 'outdated', lastError: { name: 'OutdatedCodeError', type: 'todoStarred' } })
  expect(b.read.todos.all()).toEqual([{ id: 'x', title: 'x', done: false }])
  await expect(b.dispatch.add({ title: 'no' })).rejects.toMatchObject({ name: 'OutdatedCodeError', version: 1 })
  await later(400)
  await b.close()
  expect([await dump(name, 'pages'), await dump(name, 'checkpoints'), await theLog(name)]).toEqual(before)
})

test("guarantee 11: an evolve that throws on others' events fails its projection; the log and the rest go on", async () => {
  const name = freshName()
  const a = await tab(name)
  const b = await tab(name, { version: 2, poison: 'poison' })
  await a.dispatch.add({ id: 'x', title: 'fine' })
  await a.dispatch.add({ id: 'y', title: 'poison' })
  await a.dispatch.add({ id: 'z', title: 'after' })
  await expect.poll(() => b.status.sequence).toBe(3)
  expect(b.status.projections.titles).toMatchObject({
    state: 'failed',
    sequence: 2,
    error: { name: 'ProjectionFailed', projection: 'titles', sequence: 2, cause: { name: 'RangeError' } },
  })
  expect(b.status.state).toBe('ready')
  expect(b.status.projections.todos.state).toBe('ready')
  expect(b.read.todos.size).toBe(3)
  expect(b.read.titles.all()).toEqual([{ title: 'fine', times: 1 }])
  await expect(b.dispatch.addUnlessUsed({ id: 'n', title: 'n' })).rejects.toMatchObject({
    name: 'ProjectionFailed',
    projection: 'titles',
  })
  expect(await b.dispatch.add({ id: 'n', title: 'n' })).toMatchObject({ sequence: 4 })
  await b.projected()
  await b.close()
  const c = await tab(name, { version: 2, poison: 'poison' })
  expect(c.status.projections.titles).toMatchObject({ state: 'failed', sequence: 2 })
  expect(c.read.titles.all()).toEqual([{ title: 'fine', times: 1 }])
  expect(c.read.count.value).toBe(4)
})

test('guarantee 11: a failed projection recovers with a rebuild by code that understands the event', async () => {
  const name = freshName()
  const a = await tab(name)
  await a.dispatch.add({ id: 'y', title: 'poison' })
  await a.dispatch.add({ id: 'z', title: 'fine' })
  await a.close()
  const b = await tab(name, { version: 2, poison: 'poison' })
  expect(b.status.projections.titles.state).toBe('failed')
  await b.projected()
  await b.close()
  const fixed = await tab(name, { version: 2 })
  expect(fixed.status.projections.titles.state).toBe('failed')
  await fixed.rebuild()
  expect(fixed.status.projections.titles.state).toBe('ready')
  expect(fixed.read.titles.all()).toEqual([
    { title: 'poison', times: 1 },
    { title: 'fine', times: 1 },
  ])
  await fixed.close()
  const after = await tab(name, { version: 2 })
  expect(after.status.projections.titles.state).toBe('ready')
  expect(after.read.titles.size).toBe(2)
})

test('guarantee 12: whatever is wrong with derived data, the log is not touched', async () => {
  const name = freshName()
  const a = await openTab(name)
  for (let i = 0; i < 5; i++) await a.dispatch.add({ title: `t${i}` })
  await a.projected()
  const was = shown(a)
  await a.close()
  const before = await theLog(name)
  await inDatabase(name, (store) => {
    store('pages').put('garbage', ['todos', '', 0])
    store('checkpoints').clear()
    store('checkpoints').put('garbage', ['x', ''])
  })
  const b = await tab(name)
  expect(shown(b)).toEqual(was)
  await b.projected()
  await b.rebuild()
  expect(await theLog(name)).toEqual(before)
})
