import { openEngine } from 'tidemark'
import { beforeEach, expect, test, vi } from 'vitest'
import { sendOf } from '../../src/engine/openEngine.ts'
import { openWorkerEngine } from '../../src/engine/workerEngine.ts'
import type { AnyModel, ExtraWrite } from '../log/rooms.ts'
import { abortWith, dump, isAppend, loseAnswer } from '../log/storage.ts'
import { createPipeline } from '../projections/rooms.ts'
import { atEnd, broken, ranges, tab, traffic } from './kit.ts'
import { freshName, outcome, todoApp } from './todos.ts'
import { createLocks } from './tools/locks.ts'

beforeEach(() => {
  vi.stubGlobal('navigator', { locks: createLocks() })
})

/** Writes marks with a command: `send` passes options that apps can't pass. */
async function marking(name = freshName()) {
  const a = await tab(name)
  const send = sendOf.get(a)!
  const mark = (key: string): ExtraWrite => ({
    stores: ['reactions'],
    write: (store) => void store('reactions').put({ marked: key } as never, key),
  })
  const marks = async (): Promise<string[]> => (await dump(name, 'reactions')).map(({ key }) => key)
  return { name, a, send, mark, marks }
}

test('an extra write of a dispatch is in the transaction of the append', async () => {
  const { send, mark, marks } = await marking()
  const seen = traffic()
  await send('add', { title: 'x' }, undefined, { extra: mark('one') })
  expect(seen.transactions.filter(({ mode }) => mode === 'readwrite').map(({ stores }) => [...stores].sort())).toEqual([
    ['commands', 'commits', 'reactions', 'segments', 'types'],
  ])
  expect(await marks()).toEqual(['one'])
})

test('an append that aborts stores neither the command nor its extra write', async () => {
  const { name, send, mark, marks } = await marking()
  const storage = broken()
  storage.onTransaction = (transaction, stores, mode) => {
    if (isAppend(stores, mode)) abortWith(transaction, 'QuotaExceededError')
  }
  const failed = await outcome(send('add', { title: 'x' }, undefined, { extra: mark('one') }))
  expect(failed).toMatchObject({ name: 'StorageError', kind: 'quota' })
  storage.onTransaction = undefined
  expect(await marks()).toEqual([])
  expect(await ranges(name)).toEqual([])
})

test('an extra write that throws fails the append like a disk error, and nothing is appended', async () => {
  const { name, send } = await marking()
  const over = new Error('it is over')
  const write = (): void => {
    throw over
  }
  const inside: ExtraWrite = { stores: ['reactions'], write }
  expect(await outcome(send('add', { title: 'x' }, undefined, { extra: inside }))).toMatchObject({
    kind: 'aborted',
    cause: over,
  })
  expect(await ranges(name)).toEqual([])
})

test('an extra write is stored before its caller gets an earlier receipt or an empty one', async () => {
  const { send, mark, marks } = await marking()
  await send('add', { title: 'x' }, { commandId: 'once' })
  const again = await send('add', { title: 'x' }, { commandId: 'once' }, { extra: mark('again') })
  expect(again.duplicate).toBe(true)
  expect(await marks()).toEqual(['again'])
  await send('nothing', undefined, undefined, { extra: mark('nothing') })
  expect(await marks()).toEqual(['again', 'nothing'])
})

test('an extra write is not stored if its command is rejected', async () => {
  const { send, mark, marks } = await marking()
  expect(await outcome(send('refuse', undefined, undefined, { extra: mark('no') }))).toMatchObject({ code: 'no' })
  expect(await marks()).toEqual([])
})

test('each dispatch of one id stores its own extra write, also one that joins a pending command', async () => {
  const { send, mark, marks } = await marking()
  const sent = ['a', 'b', 'c'].map((key) => send('add', { title: 'x' }, { commandId: 'once' }, { extra: mark(key) }))
  await sent[0]
  const late = send('add', { title: 'x' }, { commandId: 'once' }, { extra: mark('d') })
  await Promise.all([...sent, late])
  expect(await marks()).toEqual(['a', 'b', 'c', 'd'])
})

test('a command that loses every race is decided inside the transaction, with its extra write', async () => {
  const { name, a, send, mark, marks } = await marking()
  const b = await openEngine(todoApp(), { name })
  atEnd(() => b.close())
  const sent = Array.from({ length: 20 }, (_, i) => [
    b.dispatch.number(),
    send('number', undefined, undefined, { extra: mark(`m${i}`) }),
  ])
  await Promise.all(sent.flat())
  expect((await marks()).length).toBe(20)
  expect(a.read.count.value).toBe(40)
  expect(await ranges(name)).toEqual([[1, 40]])
})

test('an extra write is not stored twice if the answer of its append was lost', async () => {
  const { send, mark, marks } = await marking()
  const storage = broken()
  storage.onTransaction = (transaction, stores, mode) => {
    if (!isAppend(stores, mode)) return
    storage.onTransaction = undefined
    loseAnswer(transaction)
  }
  const seen = traffic()
  const receipt = await send('add', { title: 'x' }, { commandId: 'lost' }, { extra: mark('one') })
  expect(receipt.duplicate).toBe(false)
  expect(await marks()).toEqual(['one'])
  expect(seen.requests.filter((request) => request === 'put reactions').length).toBe(1)
})

test('an engine beside a pipeline stores an extra write in the same transaction, too', async () => {
  const { name, a, mark, marks } = await marking()
  await a.dispatch.add({ title: 'x' })
  const pipeline = await createPipeline(todoApp() as unknown as AnyModel, name)
  atEnd(() => pipeline.close())
  const engine = await openWorkerEngine(pipeline.shop)
  const seen = traffic()
  await engine.dispatch('add', { title: 'y' }, { commandId: 'given' }, { extra: mark('one') })
  expect(seen.requests.filter((request) => request === 'put reactions').length).toBe(1)
  expect(seen.transactions.filter(({ stores }) => stores.includes('reactions')).length).toBe(1)
  await engine.dispatch('add', { title: 'y' }, { commandId: 'given' }, { extra: mark('two') })
  expect(await marks()).toEqual(['one', 'two'])
})

test('a log in memory calls `keep` of an extra write', async () => {
  const engine = await openEngine(todoApp(), { storage: 'memory' })
  const kept: string[] = []
  const markOrKeep = (key: string): ExtraWrite => ({
    stores: ['reactions'],
    write: () => kept.push('never'),
    keep: () => kept.push(key),
  })
  const send = sendOf.get(engine)!
  await send('add', { title: 'x' }, { commandId: 'one' }, { extra: markOrKeep('appended') })
  await send('add', { title: 'x' }, { commandId: 'one' }, { extra: markOrKeep('duplicate') })
  await outcome(send('refuse', undefined, undefined, { extra: markOrKeep('refused') }))
  expect(kept).toEqual(['appended', 'duplicate'])
  await engine.close()
})

test('reactions rule 1: an app may not use an id that begins with "reaction:", and a reaction gets its first receipt again', async () => {
  const { a, send } = await marking()
  const commandId = 'reaction:answer:c1/0:run:add:1'
  const refused = await outcome(a.dispatch.add({ title: 'x' }, { commandId }))
  expect(refused).toMatchObject({ name: 'InvalidData', path: ['commandId'] })
  const first = await send('add', { id: 'a', title: 'x' }, { commandId }, {})
  const again = await send('add', { id: 'a', title: 'other words' }, { commandId }, {})
  expect(again).toEqual({ ...first, duplicate: true })
  const together = await Promise.all([
    send('add', { id: 'b', title: 'y' }, { commandId: `${commandId}1` }, {}),
    send('add', { id: 'b', title: 'z' }, { commandId: `${commandId}1` }, {}),
  ])
  expect(together[1]).toMatchObject({ duplicate: true, sequence: together[0]?.sequence })
})
