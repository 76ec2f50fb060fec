import { openEngine } from 'tidemark'
import { afterEach, expect, test, vi } from 'vitest'
import { asTest, commandAsTest } from '../../src/devtools/asTest.ts'
import { fits, mayFit, parseFilter } from '../../src/devtools/filter.ts'
import { line } from '../../src/devtools/format.ts'
import { healthOf } from '../../src/devtools/healthOf.ts'
import { createLogEntries } from '../../src/devtools/logEntries.ts'
import { measureStores, measureTypes } from '../../src/devtools/measure.ts'
import { healthReportOf } from '../../src/devtools/report.ts'
import { rowSteps } from '../../src/devtools/rowSteps.ts'
import { openSession } from '../../src/devtools/session.ts'
import { touchedBy } from '../../src/devtools/touched.ts'
import { coreOf } from '../../src/engine/openEngine.ts'
import { atEnd, tab } from '../engine/kit.ts'
import { collect, freshName, newerApp, openTab, outcome, todoApp } from '../engine/todos.ts'
import { written } from '../engine/tools/files.ts'
import { openDatabase, seal } from '../log/rooms.ts'
import { dump, inDatabase } from '../log/storage.ts'

afterEach(() => {
  vi.useRealTimers()
  vi.restoreAllMocks()
})

const session = (engine: Parameters<typeof openSession>[0]) => {
  const opened = openSession(engine)
  atEnd(opened.close)
  return opened
}

test('a filter has words and names: type, row, command, and text', () => {
  expect(parseFilter('  ')).toBeUndefined()
  expect(parseFilter('type:todoAdded Milk and row:todos/a/b bread')).toEqual({
    type: 'todoAdded',
    row: { table: 'todos', key: 'a/b' },
    text: 'milk and bread',
  })
  expect(parseFilter('command:c1')).toEqual({ command: 'c1', text: '' })
})

test('a filter finds every match, and its check of the raw text never drops a record with a match', async () => {
  const one = await written()
  const core = coreOf.get(one)!
  const log = createLogEntries(core, () => {})
  const { signal } = new AbortController()
  for (const text of ['🌊', 'TITLE 7', 'type:todoToggled', 'command:none', '"id":"t1"', 'ä', 'title 1 🌊\u2028']) {
    const filter = parseFilter(text)!
    const all = await collect(
      log.backwards(
        core.head + 1,
        () => true,
        signal,
        () => {},
      ),
    )
    const some = await collect(log.backwards(core.head + 1, mayFit(filter), signal, () => {}))
    const found = some.filter((entry) => fits(filter, entry)).map(({ sequence }) => sequence)
    expect(found).toEqual(all.filter((entry) => fits(filter, entry)).map(({ sequence }) => sequence))
    expect(all.map(({ sequence }) => sequence)).toEqual(Array.from({ length: core.head }, (_, i) => core.head - i))
    if (!text.includes('none')) expect(found.length).toBeGreaterThan(0)
  }
})

test('the entries of a log are read by number, with the beginnings of commits and damaged records', async () => {
  const name = freshName()
  const one = await tab(name)
  await one.dispatch.addMany({ ids: ['a', 'b'] })
  await one.dispatch.add({ id: 'c', title: 'C' })
  let changes = 0
  const log = createLogEntries(coreOf.get(one)!, () => changes++)
  expect(log.at(3)).toBeUndefined()
  expect(await log.read(3)).toMatchObject({
    sequence: 3,
    isFirst: true,
    event: { type: 'todoAdded', data: { id: 'c' } },
  })
  expect(log.at(2)).toMatchObject({ isFirst: false, event: { data: { id: 'b' } } })
  await inDatabase(name, (store) => store('commits').delete(1))
  expect(await createLogEntries(coreOf.get(one)!, () => {}).read(2)).toMatchObject({
    error: { name: 'CorruptLog' },
    damage: { first: 1, last: 2 },
  })
})

test('a log that grows is read from its former end', async () => {
  const one = await tab(freshName())
  await one.dispatch.addMany({ ids: ['a', 'b', 'c'] })
  const log = createLogEntries(coreOf.get(one)!, () => {})
  expect(await log.read(3)).toMatchObject({ sequence: 3, isFirst: false, event: { data: { id: 'c' } } })
  for (let i = 4; i <= 9; i++) {
    await one.dispatch.add({ title: `${i}` })
    expect(await log.read(i)).toMatchObject({ sequence: i, isFirst: true, event: { data: { title: `${i}` } } })
  }
  // No entry is read again.
  for (let i = 1; i <= 9; i++) expect(log.at(i)).toMatchObject({ sequence: i })
})

test('the end of a log that grows is read alone, and before it is shown', async () => {
  const one = await tab(freshName())
  for (let i = 1; i <= 200; i++) await one.dispatch.add({ title: `${i}` })
  let reads = 0
  const log = createLogEntries(coreOf.get(one)!, () => reads++)
  await log.readEnd(183, 200)
  for (let i = 183; i <= 200; i++) expect(log.at(i)).toMatchObject({ sequence: i, event: { data: { title: `${i}` } } })
  expect(reads).toBe(0)
  expect(log.at(100)).toBeUndefined()
})

test('entries that could not be read are read again once the storage works', async () => {
  const one = await tab(freshName())
  await one.dispatch.addMany({ ids: ['a', 'b', 'c'] })
  const log = createLogEntries(coreOf.get(one)!, () => {})
  const broken = vi.spyOn(IDBDatabase.prototype, 'transaction').mockImplementation(() => {
    throw new DOMException('no disk', 'UnknownError')
  })
  expect(await log.read(3)).toMatchObject({ error: { name: 'StorageError' } })
  broken.mockRestore()
  expect(log.at(3)).toMatchObject({ error: { name: 'StorageError' } })
  log.forgetFailures()
  expect(await log.read(3)).toMatchObject({ event: { data: { id: 'c' } } })
})

/** 6,000 events in segments of 1,000. */
async function sealedTab() {
  const name = freshName()
  const one = await tab(name)
  for (let i = 0; i < 60; i++)
    await one.dispatch.addMany({ ids: Array.from({ length: 100 }, (_, k) => `a long id of ${i} and ${k}`) })
  await one.projected()
  const database = await openDatabase(name, false)
  for (let limit = 1000; limit <= 6000; limit += 1000) await seal(database, limit, undefined, true)
  database.close()
  return coreOf.get(one)!
}

test('a place in a sealed log decodes the events around it, and a drag of the bar unpacks few segments', async () => {
  const core = await sealedTab()
  const decode = vi.spyOn(TextDecoder.prototype, 'decode')
  const decoded = (): number => decode.mock.calls.reduce((sum, [bytes]) => sum + (bytes?.byteLength ?? 0), 0)
  await collect(
    createLogEntries(core, () => {}).backwards(
      6001,
      () => true,
      new AbortController().signal,
      () => {},
    ),
  )
  // A search decodes everything. A screen has at most two blocks of 16 kB, with a record of 8 kB each.
  expect(decoded()).toBeGreaterThan(400_000)
  for (let sequence = 6000; sequence > 20; sequence -= 490) {
    decode.mockClear()
    const log = createLogEntries(core, () => {})
    expect(await log.read(sequence)).toMatchObject({ sequence, event: { type: 'todoAdded' } })
    for (let row = 0; row < 20; row++) log.at(sequence - row)
    expect(decoded()).toBeLessThan(60_000)
  }

  const unpack = vi.spyOn(globalThis, 'DecompressionStream')
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
  const log = createLogEntries(core, () => {})
  const turn = () => new Promise((resolve) => setImmediate(resolve))
  // The bar moves down and up for a second, and passes a segment with each frame.
  const passed = Array.from({ length: 60 }, (_, i) => 1 + 1000 * Math.abs((i % 10) - 5))
  for (const sequence of passed) {
    log.at(sequence)
    vi.advanceTimersByTime(16)
    for (let i = 0; i < 20; i++) await turn()
  }
  log.at(2500)
  vi.advanceTimersByTime(80)
  vi.useRealTimers()
  await expect.poll(() => log.at(2500), { timeout: 20_000 }).toMatchObject({ sequence: 2500 })
  // The list reads the first place, two places in between, and the last place.
  expect(unpack.mock.calls.length).toBeLessThanOrEqual(4)
})

test('an event of a newer build is shown as stored', async () => {
  const name = freshName()
  const newer = await openEngine(newerApp(), { name })
  await newer.dispatch.star({ id: 'a' })
  await newer.close()
  const older = await openTab(name)
  atEnd(() => older.close())
  expect(older.status.state).toBe('outdated')
  const entry = await createLogEntries(coreOf.get(older)!, () => {}).read(1)
  expect(entry).toMatchObject({
    event: { type: 'todoStarred', data: { id: 'a' } },
    error: { name: 'OutdatedCodeError' },
  })
  expect(healthOf(older)).toMatchObject({ tone: 'bad' })
})

test('the rows of an event are those in its payload or `by`; a row shows the result of its events', async () => {
  const one = await tab(freshName())
  await one.dispatch.add({ id: 'a', title: 'Milk' })
  await one.dispatch.toggle({ id: 'a' })
  await one.dispatch.clearDone()
  const core = coreOf.get(one)!
  const [added, , cleared] = (await collect(one.history())) as any[]
  expect(touchedBy(core, added)).toEqual([
    { projection: 'todos', keys: ['a'] },
    { projection: 'count' },
    { projection: 'titles', keys: ['Milk'] },
  ])
  expect(touchedBy(core, cleared)).toEqual([{ projection: 'todos', where: 'rows with done = true' }])
  const events = (await collect(one.history({ table: 'todos', key: 'a' }))) as any[]
  const steps = await rowSteps(core, 'todos', 'a', events)
  expect(steps.map(({ before, after }) => [before, after])).toEqual([
    [undefined, { id: 'a', title: 'Milk', done: false }],
    [
      { id: 'a', title: 'Milk', done: false },
      { id: 'a', title: 'Milk', done: true },
    ],
    [{ id: 'a', title: 'Milk', done: true }, undefined],
  ])
})

test('a command as a test has the events before it, its input, ids as a test draws them, and its result', async () => {
  const one = await tab(freshName())
  await one.dispatch.add({ id: 'a', title: 'Milk' })
  const seen = session(one)
  await one.dispatch.add({ title: 'Bread' })
  await outcome(one.dispatch.addOnce({ id: 'a', title: 'Milk' }))
  const [rejected, added] = seen.commands
  expect(await commandAsTest(seen, added!)).toContain(`  given(app,
    events.todoAdded({"id":"a","title":"Milk"}))
    .at(${added!.context.now})
    .when("add", {"title":"Bread"})
    .then(events.todoAdded({"id":"id-1","title":"Bread"}))
`)
  expect(await commandAsTest(seen, rejected!)).toContain('.thenRejected("taken", {"id":"a"})')
  // The input of the command is not stored, but the rows of its events are known.
  const log = createLogEntries(seen.core, () => {})
  expect(await asTest(seen, log, 1)).toContain('"count": 1')
  expect(await asTest(seen, log, 2)).toContain('.when("add", {"title":"Bread"})')
})

test('commands are recorded with their outcome, until the session ends', async () => {
  const one = await tab(freshName())
  const seen = session(one)
  const sent = one.dispatch.add({ title: 'Milk' })
  expect(seen.commands).toMatchObject([{ name: 'add', state: 'pending', events: 1 }])
  await sent
  await one.dispatch.nothing()
  await outcome(one.dispatch.refuse())
  expect(seen.commands.map(({ name, state, events }) => [name, state, events])).toEqual([
    ['refuse', 'rejected', 0],
    ['nothing', 'done', 0],
    ['add', 'done', 1],
  ])
  seen.close()
  await one.dispatch.add({ title: 'Bread' })
  expect(seen.commands).toHaveLength(3)
})

test('a report has the state of the engine, and no content of the user unless it is requested', async () => {
  const one = await tab(freshName(), { poison: 'Secret' })
  const other = await tab(one.status.storage && coreOf.get(one)!.name)
  await other.dispatch.add({ id: 'private', title: 'Secret' })
  await one.projected().catch(() => {})
  await outcome(one.dispatch.addOnce({ id: 'private', title: 'Secret' }))
  const seen = session(one)
  const report = await healthReportOf(seen, false)
  expect(report).toContain('titles at event 1')
  expect(report).not.toMatch(/Secret|private/)
  expect(await healthReportOf(seen, true)).toContain('no Secret')
})

test('stored bytes are measured by store and by type of event', async () => {
  const name = freshName()
  const one = await written(name)
  const { signal } = new AbortController()
  const core = coreOf.get(one)!
  const types = await measureTypes(core, signal, () => {})
  expect(types.reduce((sum, { events }) => sum + events, 0)).toBe(core.head)
  const commits = await dump(name, 'commits')
  const stores = await measureStores(core.database!, signal)
  expect(stores.find(({ store }) => store === 'commits')?.records).toBe(commits.length)
  expect(stores.find(({ store }) => store === 'bodies')?.bytes).toBeGreaterThan(0)
})

test('a value on one line is cut at any size', () => {
  expect(line({ a: 1, b: [true, null], c: 'x' })).toBe('{ a: 1, b: [true, null], c: "x" }')
  expect(line({ text: 'x'.repeat(1_000_000) }, 20)).toHaveLength(21)
  expect(
    line(
      Array.from({ length: 1_000_000 }, (_, i) => i),
      30,
    ),
  ).toHaveLength(31)
  expect(line({})).toBe('{ }')
})

test('health is one sentence for each state', async () => {
  const one = await tab(freshName())
  await one.dispatch.add({ title: 'Milk' })
  await one.projected()
  expect(healthOf(one)).toMatchObject({ tone: 'good' })
  const memory = await openEngine(todoApp(), { storage: 'memory', name: freshName() })
  expect(healthOf(memory).sentence).toBe('0 events, in memory only: nothing is kept.')
  await memory.close()
  expect(healthOf(memory).sentence).toBe('This engine is closed.')
})
