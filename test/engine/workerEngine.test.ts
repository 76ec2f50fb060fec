import { getEventListeners } from 'node:events'
import { openEngine } from 'tidemark'
import { archive } from 'tidemark/tools'
import { beforeEach, expect, test, vi } from 'vitest'
import { openWorkerEngine, type WorkerEngine } from '../../src/engine/workerEngine.ts'
import { lockName } from '../../src/locks.ts'
import { reachHolder } from '../../src/projections/reachHolder.ts'
import { type AnyModel, openChannel } from '../log/rooms.ts'
import { abortWith, deleteDatabase, dump, holdAnswer, isAppend, loseAnswer } from '../log/storage.ts'
import { createPipeline, type Pipeline } from '../projections/rooms.ts'
import { atEnd, broken, logId, ranges, tab } from './kit.ts'
import { collect, freshName, later, newerApp, outcome, type TodoApp, todoApp } from './todos.ts'
import { bytesOf, written } from './tools/files.ts'
import { createLocks } from './tools/locks.ts'

let locks: ReturnType<typeof createLocks>
beforeEach(() => {
  locks = createLocks()
  vi.stubGlobal('navigator', { locks })
})

async function pipelineOf(name: string, app: TodoApp = {}): Promise<Pipeline> {
  const pipeline = await createPipeline(todoApp(app) as unknown as AnyModel, name)
  atEnd(() => pipeline.close())
  return pipeline
}

/** A tab, and an engine that works beside the pipeline of a worker. */
async function beside(name: string, app: TodoApp = {}) {
  const a = await tab(name, app)
  const pipeline = await pipelineOf(name, app)
  return { a, pipeline, engine: await openWorkerEngine(pipeline.shop) }
}

const ids = (engine: WorkerEngine): string[] => (engine.read() as any).todos.all().map(({ id }: { id: string }) => id)
const add = (id: string) => ({ id, title: id })

test('a tab and an engine in a worker race, and each command is decided on exactly what is before it', async () => {
  const name = freshName()
  const { a, engine } = await beside(name)
  const sent = Array.from({ length: 40 }, (_, i) => (i % 2 ? a.dispatch.number() : engine.dispatch('number')))
  for (let i = 0; i < 10; i++) {
    await later(i)
    sent.push(a.dispatch.number(), engine.dispatch('number'))
  }
  const receipts = await Promise.all(sent)
  expect(receipts.map(({ sequence }) => sequence).sort((x = 0, y = 0) => x - y)).toEqual(sent.map((_, i) => i + 1))
  const events = await collect((await tab(name)).history())
  expect(events.map(({ data }) => (data as { title: string }).title)).toEqual(sent.map((_, i) => String(i)))
  expect(await ranges(name)).toEqual([[1, sent.length]])
  expect((await engine.dispatch('nothing')).sequence).toBe(sent.length)
  expect(engine.head).toBe(sent.length)
})

test('an engine that ended leaves nothing at its pipeline, however many there were', async () => {
  const { engine, pipeline } = await beside(freshName())
  const { closing } = pipeline.shop
  await engine.close()
  const before = getEventListeners(closing, 'abort').length
  for (let i = 0; i < 3; i++) await (await openWorkerEngine(pipeline.shop)).close()
  expect(getEventListeners(closing, 'abort').length).toBe(before)
})

test('a command id that is in the log answers with the first receipt, for any caller', async () => {
  const { a, engine } = await beside(freshName())
  const first = await a.dispatch.add(add('x'), { commandId: 'once' })
  expect(await engine.dispatch('add', add('x'), { commandId: 'once' })).toEqual({ ...first, duplicate: true })
  const second = await engine.dispatch('add', add('y'), { commandId: 'twice' })
  expect(second).toMatchObject({ sequence: 2, duplicate: false })
  expect(await a.dispatch.add(add('y'), { commandId: 'twice' })).toEqual({ ...second, duplicate: true })
  expect(await outcome(engine.dispatch('add', add('z'), { commandId: 'once' }))).toMatchObject({
    name: 'CommandIdConflict',
  })
  expect(await outcome(engine.dispatch('addOnce', add('x')))).toMatchObject({ name: 'CommandRejected', code: 'taken' })
  expect(ids(engine)).toEqual(['x', 'y'])
})

test('rows of a command that is not in the log are never shown, and never written by a flush', async () => {
  const name = freshName()
  const { a, pipeline, engine } = await beside(name)
  await a.dispatch.add(add('first'))
  let answer = (): void => {}
  const seen: string[][] = []
  const storage = broken()
  storage.onTransaction = (transaction, stores, mode) => {
    seen.push(ids(engine))
    if (!isAppend(stores, mode)) return
    storage.onTransaction = undefined
    holdAnswer(transaction, new Promise((resolve) => (answer = resolve)))
  }
  const sent = [engine.dispatch('add', add('second')), engine.dispatch('add', add('third'))]
  const flushed = pipeline.flush()
  expect(ids(engine)).toEqual([])
  await expect.poll(() => storage.onTransaction).toBe(undefined)
  sent.push(engine.dispatch('add', add('fourth')))
  await later(5)
  for (const rows of [...seen, ids(engine)]) expect(['', 'first']).toContain(rows.join())
  answer()
  await Promise.all([...sent, flushed])
  await pipeline.flush()
  expect(ids(engine)).toEqual(['first', 'second', 'third', 'fourth'])
  const [page] = (await dump(name, 'pages')).filter(({ value }) => value.rows[0]?.id)
  expect(page?.value.rows.map(({ id }: { id: string }) => id)).toEqual(['first', 'second', 'third', 'fourth'])
  expect((await dump(name, 'checkpoints')).map(({ value }) => value.sequence)).toEqual([4, 4, 4])
})

test('a full disk refuses a command, and the engine goes on', async () => {
  const name = freshName()
  const { engine } = await beside(name)
  const storage = broken()
  storage.onTransaction = (transaction, stores, mode) => {
    if (isAppend(stores, mode)) abortWith(transaction, 'QuotaExceededError')
  }
  expect(await outcome(engine.dispatch('add', add('a')))).toMatchObject({ name: 'StorageError', kind: 'quota' })
  storage.onTransaction = undefined
  await engine.dispatch('add', add('b'))
  expect(ids(engine)).toEqual(['b'])
  expect(await ranges(name)).toEqual([[1, 1]])
})

test('a connection that is lost with the answer costs no command and makes none twice', async () => {
  const name = freshName()
  const { pipeline, engine } = await beside(name)
  await engine.dispatch('add', add('a'))
  const storage = broken()
  storage.onTransaction = (transaction, stores, mode) => {
    if (!isAppend(stores, mode)) return
    storage.onTransaction = undefined
    loseAnswer(transaction)
  }
  expect(await engine.dispatch('add', add('b'))).toMatchObject({ sequence: 2, duplicate: false })
  const { idb } = pipeline.shop.database
  idb?.close()
  idb?.onclose?.(new Event('close'))
  await engine.dispatch('add', add('c'))
  expect(ids(engine)).toEqual(['a', 'b', 'c'])
  expect(await ranges(name)).toEqual([[1, 3]])
})

test('an engine whose log was replaced ends, and appends nothing to the other one', async () => {
  const name = freshName()
  const { a, engine } = await beside(name)
  await engine.dispatch('add', add('a'))
  await deleteDatabase(name)
  await a.close()
  const other = await tab(name)
  expect(await outcome(engine.dispatch('add', add('b')))).toMatchObject({
    name: 'EngineClosed',
    reason: 'log replaced',
  })
  expect(engine.signal.reason).toMatchObject({ reason: 'log replaced' })
  expect(other.status.sequence).toBe(0)
  expect(await dump(name, 'commits')).toEqual([])
})

test('an engine of an older build ends as soon as it meets what a newer one wrote, and lets another have the lock', async () => {
  const name = freshName()
  const { a, engine } = await beside(name)
  await a.dispatch.add(add('a'))
  const newer = await openEngine(newerApp(), { name })
  atEnd(() => newer.close())
  await newer.dispatch.star({ id: 'a' })
  expect(await outcome(engine.dispatch('add', add('b')))).toMatchObject({ name: 'OutdatedCodeError' })
  expect(engine.signal.reason).toMatchObject({ name: 'OutdatedCodeError' })
  await locks.request(lockName('engine', name), () => {})
  expect(await outcome(openWorkerEngine((await pipelineOf(name)).shop))).toMatchObject({ name: 'OutdatedCodeError' })
})

test('nothing is decided on a projection that failed, and what does not read it goes on', async () => {
  const name = freshName()
  const a = await tab(name)
  await a.dispatch.add({ id: 'a', title: 'bad' })
  const engine = await openWorkerEngine((await pipelineOf(name, { poison: 'bad' })).shop)
  expect(await outcome(engine.dispatch('addUnlessUsed', add('b')))).toMatchObject({
    name: 'ProjectionFailed',
    projection: 'titles',
    sequence: 1,
  })
  await engine.dispatch('add', add('c'))
  expect(ids(engine)).toEqual(['a', 'c'])
})

test('archive has the log for itself: the engine waits, and goes on in the log that it has become', async () => {
  const name = freshName()
  const one = await written(name, 40, [12])
  const engine = await openWorkerEngine((await pipelineOf(name)).shop)
  const id = await logId(name)
  let sent: Promise<unknown> | undefined
  let appends = 0
  const storage = broken()
  storage.onTransaction = (_, stores, mode) => {
    if (isAppend(stores, mode)) appends++
  }
  const file = await archive(one, {
    before: 21,
    onProgress: () => {
      sent ??= engine.dispatch('add', add('beside'))
      expect(appends).toBe(0)
    },
  })
  await bytesOf(file)
  expect(await sent).toMatchObject({ duplicate: false })
  expect(appends).toBe(1)
  expect(await logId(name)).not.toBe(id)
  await one.dispatch.add(add('after'))
  const again = await tab(name)
  expect([again.read.todos.has('beside'), again.read.todos.has('after')]).toEqual([true, true])
  // The engine learns of the last command by a hint.
  await expect.poll(() => ids(engine)).toEqual(again.read.todos.all().map(({ id }) => id))
})

test('archive does not begin while the engine is in a transaction', async () => {
  const name = freshName()
  const one = await written(name, 40, [12])
  const engine = await openWorkerEngine((await pipelineOf(name)).shop)
  let answer = (): void => {}
  const storage = broken()
  storage.onTransaction = (transaction, stores, mode) => {
    if (!isAppend(stores, mode)) return
    storage.onTransaction = undefined
    holdAnswer(transaction, new Promise((resolve) => (answer = resolve)))
  }
  const sent = engine.dispatch('add', add('beside'))
  await expect.poll(() => storage.onTransaction).toBe(undefined)
  let began = false
  const archived = archive(one, { before: 21, onProgress: () => (began = true) })
  await later(30)
  expect(began).toBe(false)
  answer()
  await sent
  await bytesOf(await archived)
  expect(began).toBe(true)
})

test('what is to be done alone in the same worker is done between two turns of the engine', async () => {
  const { engine } = await beside(freshName())
  const order: string[] = []
  const done = engine.stepAside(async () => {
    await later(5)
    order.push(`aside ${ids(engine)}`)
  })
  await Promise.all([engine.dispatch('add', add('a')).then(() => order.push('dispatched')), done])
  expect(order).toEqual(['aside ', 'dispatched'])
})

test('one engine at a time: the next one begins when the first is closed, at the head', async () => {
  const name = freshName()
  const { engine } = await beside(name)
  let isOpen = false
  const next = openWorkerEngine((await pipelineOf(name)).shop)
  void next.then(() => (isOpen = true))
  await engine.dispatch('add', add('a'))
  expect(isOpen).toBe(false)
  const last = engine.dispatch('add', add('b'))
  await engine.close()
  await outcome(last)
  expect(await outcome(engine.dispatch('add', add('c')))).toMatchObject({ name: 'EngineClosed', reason: 'closed' })
  expect((await next).head).toBe((await dump(name, 'commits')).at(-1)?.value.last)
})

test('an engine ends with its pipeline, and one that waits for its turn gives up with its own', async () => {
  const name = freshName()
  const { pipeline, engine } = await beside(name)
  const second = await pipelineOf(name)
  const waiting = outcome(openWorkerEngine(second.shop))
  const leaving = new AbortController()
  const given = outcome(openWorkerEngine((await pipelineOf(name)).shop, leaving.signal))
  leaving.abort(new Error('no more'))
  expect(await given).toMatchObject({ message: 'no more' })
  await second.close()
  expect(await waiting).toMatchObject({ name: 'EngineClosed' })
  const sent = outcome(engine.dispatch('add', add('a')))
  await pipeline.close()
  expect(engine.signal.aborted).toBe(true)
  expect(await sent).toMatchObject((await dump(name, 'commits')).length ? { sequence: 1 } : { name: 'EngineClosed' })
})

test('a holder whose lock was stolen is told, rejects what waits and appends nothing any more', async () => {
  const name = freshName()
  const { engine } = await beside(name)
  await engine.dispatch('add', add('a'))
  const next = openWorkerEngine((await pipelineOf(name)).shop)
  const waiting = outcome(engine.stepAside(() => locks.request(lockName('engine', name), { steal: true }, () => {})))
  const sent = outcome(engine.dispatch('add', add('b')))
  await waiting
  expect(await sent).toMatchObject({ name: 'EngineClosed', reason: 'closed' })
  expect(engine.signal.aborted).toBe(true)
  expect(await outcome(engine.dispatch('add', add('c')))).toMatchObject({ name: 'EngineClosed' })
  await (await next).dispatch('add', add('d'))
  expect(ids(await next)).toEqual(['a', 'd'])
})

test('a holder that is stolen from while its connection is opened again appends nothing through the new one', async () => {
  const name = freshName()
  const { pipeline, engine } = await beside(name)
  await engine.dispatch('add', add('a'))
  const storage = broken()
  let stolen: Promise<unknown> | undefined
  storage.onTransaction = (_, stores, mode) => {
    if (!isAppend(stores, mode)) return
    storage.onTransaction = undefined
    stolen = locks.request(lockName('engine', name), { steal: true }, () => {})
    const { database } = pipeline.shop
    database.idb?.close()
    database.idb = undefined
    throw new DOMException('by the test', 'InvalidStateError')
  }
  expect(await outcome(engine.dispatch('add', add('b')))).toMatchObject({ name: 'EngineClosed' })
  await stolen
  expect(await ranges(name)).toEqual([[1, 1]])
})

test('a tab that needs the holder gets an answer, or steals the lock after 15 seconds', async () => {
  const name = freshName()
  const { engine } = await beside(name)
  const log = await logId(name)
  const channel = openChannel(name, () => {})
  atEnd(() => channel.close())
  expect(await reachHolder(name, log, channel)).toBe('answered')
  expect(engine.signal.aborted).toBe(false)
  // Nobody hears what is said to another log: so it is with a worker that is frozen.
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  atEnd(() => vi.useRealTimers())
  const reached = reachHolder(name, 'frozen', channel)
  await vi.advanceTimersByTimeAsync(14_000)
  expect(engine.signal.aborted).toBe(false)
  await vi.advanceTimersByTimeAsync(1000)
  expect(await reached).toBe('stolen')
  expect(engine.signal.aborted).toBe(true)
})

test('a log that can not be read when the engine opens is read again', async () => {
  const name = freshName()
  const a = await tab(name)
  await a.dispatch.add(add('a'))
  const pipeline = await pipelineOf(name)
  const storage = broken()
  let failures = 0
  storage.onTransaction = (transaction, _, mode) => {
    if (mode === 'readonly' && failures++ < 8) abortWith(transaction, 'UnknownError')
  }
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  atEnd(() => vi.useRealTimers())
  const opening = openWorkerEngine(pipeline.shop)
  let engine: WorkerEngine | undefined
  void opening.then((opened) => (engine = opened))
  for (let turns = 0; !engine && turns < 200; turns++) {
    await vi.advanceTimersByTimeAsync(100)
    await new Promise(setImmediate)
  }
  expect(ids(await opening)).toEqual(['a'])
})
