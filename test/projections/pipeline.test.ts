import { expect, test, vi } from 'vitest'
import { lockName } from '../../src/locks.ts'
import type { Channel } from '../../src/log/channel.ts'
import { wire } from '../engine/channel.ts'
import { broken, logId, tab, traffic } from '../engine/kit.ts'
import { freshName, shown, todoApp } from '../engine/todos.ts'
import { createLocks } from '../engine/tools/locks.ts'
import type { AnyModel } from '../log/rooms.ts'
import { dump, inDatabase } from '../log/storage.ts'
import { createPipeline } from './rooms.ts'

const model = todoApp() as unknown as AnyModel

/** A projected log of single events that no engine has open. */
async function projected(events: number): Promise<string> {
  const name = freshName()
  const a = await tab(name)
  for (let i = 1; i <= events; i++) await a.dispatch.add({ id: `t${i}`, title: `t${i}` })
  await a.projected()
  await a.close()
  return name
}

const sequences = async (name: string): Promise<number[]> =>
  (await dump(name, 'checkpoints')).map(({ value }) => value.sequence)

test.each([1, 4, 5])(
  'a log that is shorter than its checkpoints (%i of 5 events lost): its rows are discarded and folded again',
  async (gone) => {
    const name = await projected(5)
    await inDatabase(name, (store) => store('commits').delete(IDBKeyRange.lowerBound(6 - gone)))
    const a = await tab(name)
    expect(a.status).toMatchObject({ sequence: 5 - gone, lastError: { name: 'StorageError', kind: 'lost' } })
    expect(a.read.todos.size).toBe(5 - gone)
    expect(await a.dispatch.add({ id: 'on', title: 'on' })).toMatchObject({ sequence: 6 - gone })
    await a.projected()
    expect(await sequences(name)).toEqual([6 - gone, 6 - gone, 6 - gone])
    const was = shown(a)
    await a.close()
    const b = await tab(name)
    expect(shown(b)).toEqual(was)
    expect(b.status.lastError).toBeUndefined()
  },
)

test('a checkpoint at the last event of a large commit equals the end of the log, and is not ahead of it', async () => {
  const name = freshName()
  const a = await tab(name)
  await a.dispatch.addMany({ ids: ['a', 'b', 'c'] })
  await a.projected()
  await a.close()
  const b = await tab(name)
  expect(b.status.lastError).toBeUndefined()
  expect(b.status.sequence).toBe(3)
})

test('a hint that comes while the pipeline reads is not lost', async () => {
  const net = wire()
  const name = await projected(3)
  await inDatabase(name, (store) => {
    store('checkpoints').clear()
    store('pages').clear()
  })
  const log = await logId(name)
  const [last] = (await dump(name, 'commits')).slice(-1)
  const faults = broken()
  let once = true
  faults.onTransaction = (transaction, stores, mode) => {
    if (!once || mode !== 'readonly' || !stores.includes('commits') || stores.includes('meta')) return
    once = false
    // Runs after the read that has just begun; the hint arrives before that read is folded.
    const body = last!.value.body.replaceAll('t3', 't4')
    const later = transaction.db.transaction(['commits'], 'readwrite')
    later.objectStore('commits').add({ id: 'other', first: 4, last: 4, body }, 4)
    net.say(name, { log, head: 4 })
  }
  const pipeline = await createPipeline(model, name)
  await pipeline.flush()
  await expect.poll(() => sequences(name), { timeout: 3000 }).toEqual([4, 4, 4])
  await pipeline.close()
})

test('a pipeline at the head reads no record to find that out', async () => {
  const name = await projected(5)
  const watched = traffic()
  const pipeline = await createPipeline(model, name)
  await pipeline.flush()
  watched.stop()
  expect(watched.read).toEqual([])
  await pipeline.close()
})

test('a worker callback that throws is not called again: the pipeline runs in the page at once', async () => {
  vi.stubGlobal('SharedWorker', class {})
  const asked = vi.fn(() => {
    throw new Error('no such script')
  })
  const a = await tab(freshName(), {}, { worker: asked })
  await a.dispatch.add({ title: 'x' })
  await a.projected()
  expect(a.status).toMatchObject({ worker: 'in-page', projected: 1, lastError: { message: 'no such script' } })
  expect(asked).toHaveBeenCalledTimes(1)
})

test('lost pages are written again under the build that a rebuild had swapped in', async () => {
  const name = await projected(5)
  const a = await tab(name)
  await a.rebuild()
  await a.close()
  await inDatabase(name, (store) => {
    store('pages').clear()
    store('checkpoints').clear()
  })
  const b = await tab(name)
  await b.projected()
  const was = shown(b)
  await b.close()
  expect(await sequences(name)).toEqual([5, 5, 5])
  expect(shown(await tab(name))).toEqual(was)
})

test('a pipeline announces what it finds persisted: the one before may have died before it could', async () => {
  const locks = createLocks()
  vi.stubGlobal('navigator', { locks })
  const name = freshName()
  let free = (): void => {}
  const held = new Promise<void>((resolve) => {
    free = resolve
  })
  void locks.request(lockName('pipeline', name), () => held)
  const a = await tab(name)
  await a.dispatch.add({ title: 'x' })
  const silent = (): Channel => ({ post() {}, share: () => silent(), close() {} })
  const dying = await createPipeline(model, name, { listen: silent })
  await dying.flush()
  await dying.close()
  expect(a.status).toMatchObject({ sequence: 1, projected: 0 })
  free()
  await expect.poll(() => a.status.projected).toBe(1)
})

/** A pipeline that has written all pages and then hears of one more event. It writes its row a while after it has folded it. */
async function behindByOne() {
  const net = wire()
  const name = await projected(3)
  const log = await logId(name)
  const [last] = (await dump(name, 'commits')).slice(-1)
  const pipeline = await createPipeline(model, name)
  await pipeline.flush()
  const body = last!.value.body.replaceAll('t3', 't4')
  await inDatabase(name, (store) => store('commits').add({ id: 'other', first: 4, last: 4, body }, 4))
  net.say(name, { log, head: 4 })
  return { name, pipeline }
}

test('pages that are deleted for lack of space before a write are written again without a further event', async () => {
  const { name, pipeline } = await behindByOne()
  await new Promise((resolve) => setTimeout(resolve, 50))
  await inDatabase(name, (store) => {
    store('checkpoints').clear()
    store('pages').clear()
  })
  await expect.poll(() => sequences(name)).toEqual([4, 4, 4])
  expect((await dump(name, 'pages')).length).toBeGreaterThan(0)
  await pipeline.close()
})

test('a write of pages that fails a few times is tried again without a further event', async () => {
  const faults = broken()
  const { name, pipeline } = await behindByOne()
  let left = 3
  faults.onTransaction = (transaction, stores) => {
    if (stores.join() === 'meta,checkpoints,pages,rowEvents' && left-- > 0) transaction.abort()
  }
  await expect.poll(() => sequences(name)).toEqual([4, 4, 4])
  expect(left).toBeLessThan(0)
  await pipeline.close()
})
