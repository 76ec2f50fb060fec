import { beforeEach, expect, test, vi } from 'vitest'
import { draftsUntil } from '../../src/drafts/draftsUntil.ts'
import { openWorkerEngine } from '../../src/engine/workerEngine.ts'
import { atEnd, quiet } from '../engine/kit.ts'
import { freshName, outcome } from '../engine/todos.ts'
import { createLocks } from '../engine/tools/locks.ts'
import type { AnyModel } from '../log/rooms.ts'
import { dump } from '../log/storage.ts'
import { createPipeline } from '../projections/rooms.ts'
import { chat, chatTab, leftBehind } from './kit.ts'

beforeEach(() => {
  vi.stubGlobal('navigator', { locks: createLocks() })
})

const header = { threadId: 't' }

async function workerOf(name: string) {
  const pipeline = await createPipeline(chat() as unknown as AnyModel, name)
  atEnd(() => pipeline.close())
  return openWorkerEngine(pipeline.shop)
}

test('a worker without a page writes drafts, and every tab shows them as they grow', async () => {
  const name = freshName()
  const a = await chatTab(name)
  const worker = await workerOf(name)
  const reply = worker.drafts!.reply!
  a.drafts.reply.get('r')
  const writer = reply.begin('r', header)
  writer.append('from ')
  await expect.poll(() => a.drafts.reply.get('r')?.text).toBe('from ')
  writer.append('a worker')
  await expect.poll(() => a.drafts.reply.get('r')?.text).toBe('from a worker')
  await writer.end((text) => worker.dispatch('add', { id: 'r', text }))
  expect(await dump(name, 'drafts')).toEqual([])
  await expect.poll(() => a.drafts.reply.get('r')).toBe(undefined)
  await expect.poll(() => a.read.messages.get('r')?.text).toBe('from a worker')
})

test('when the worker ends, its drafts are abandoned and keep all their text', async () => {
  const name = freshName()
  const a = await chatTab(name)
  const worker = await workerOf(name)
  const writer = worker.drafts!.reply!.begin('r', header)
  writer.append('one')
  await expect.poll(() => a.drafts.reply.get('r')?.text).toBe('one')
  writer.append(' two')
  await worker.close()
  await expect.poll(() => a.drafts.reply.get('r')).toMatchObject({ text: 'one two', state: 'abandoned' })
})

test('an attempt that fails abandons the drafts that it has not ended', async () => {
  const name = freshName()
  const a = await chatTab(name)
  const worker = await workerOf(name)
  const attempt = new AbortController()
  const drafts = draftsUntil(worker.drafts!, attempt.signal)
  drafts.reply!.begin('r', header).append('so far')
  attempt.abort()
  await expect.poll(() => a.drafts.reply.get('r')).toMatchObject({ text: 'so far', state: 'abandoned' })
  await worker.drafts!.reply!.end('r', (text) => worker.dispatch('add', { id: 'r', text }))
  await expect.poll(() => a.read.messages.get('r')?.text).toBe('so far')
})

test('drafts in memory work like those on disk, and are lost with the page', async () => {
  const a = await chatTab(freshName(), { storage: 'memory' })
  const writer = a.drafts.reply.begin('r', header)
  let told = 0
  a.drafts.reply.subscribe('r', () => told++)
  writer.append('one')
  await expect.poll(() => told).toBeGreaterThan(0)
  expect(await a.drafts.reply.list()).toEqual([{ id: 'r', text: 'one', state: 'live', ...header }])
  await a.dispatch.add({ id: 'm', text: '' })
  expect(await outcome(writer.end(() => a.dispatch.addOnce({ id: 'm', text: '' })))).toMatchObject({ code: 'taken' })
  await expect.poll(() => a.drafts.reply.get('r')?.state).toBe('abandoned')
  await a.drafts.reply.end('r', (text) => a.dispatch.add({ id: 'r', text }))
  expect(a.read.messages.get('r')?.text).toBe('one')
  expect(a.drafts.reply.get('r')).toBe(undefined)
  expect(await a.drafts.reply.list()).toEqual([])
  const next = a.drafts.reply.begin('n', header)
  next.append('x')
  await next.discard()
  expect(await a.drafts.reply.list()).toEqual([])
})

test('without Web Locks, a draft is live while its writer sends messages, and abandoned when the page is gone', async () => {
  vi.stubGlobal('navigator', {})
  const name = freshName()
  const a = await chatTab(name)
  const b = await chatTab(name)
  await leftBehind(name, 'gone', 'x')
  a.drafts.reply.get('gone')
  await expect.poll(() => a.drafts.reply.get('gone')?.state).toBe('abandoned')
  const writer = a.drafts.reply.begin('r', header)
  b.drafts.reply.get('r')
  writer.append('x')
  await expect.poll(() => b.drafts.reply.get('r')?.state).toBe('live')
  await a.close()
  await expect.poll(() => b.drafts.reply.get('r')?.state).toBe('abandoned')
})

test('a closed engine begins no draft, and a model without drafts has none', async () => {
  const a = await chatTab(freshName())
  await a.close()
  await quiet(20)
  expect(() => a.drafts.reply.begin('r', header)).toThrow('The engine was closed')
  const { drafts: _, ...plain } = chat()
  const { openEngine } = await import('tidemark')
  const engine = await openEngine(plain as never, { storage: 'memory' })
  expect(engine.drafts).toEqual({})
  await engine.close()
})
