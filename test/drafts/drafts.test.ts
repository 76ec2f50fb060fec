import { beforeEach, expect, test, vi } from 'vitest'
import { freshName } from '../engine/todos.ts'
import { createLocks } from '../engine/tools/locks.ts'
import { dump } from '../log/storage.ts'
import { chatTab } from './kit.ts'

beforeEach(() => {
  vi.stubGlobal('navigator', { locks: createLocks() })
})

test('every tab shows a growing draft, until the event that replaces it removes it', async () => {
  const name = freshName()
  const a = await chatTab(name)
  const b = await chatTab(name)
  const { read } = b
  expect(b.drafts.reply.get('r')).toBe(undefined)
  const writer = a.drafts.reply.begin('r', { threadId: 't' })
  expect(a.drafts.reply.get('r')).toEqual({ id: 'r', threadId: 't', text: '', state: 'live' })
  writer.append('Hello')
  await expect.poll(() => b.drafts.reply.get('r')).toEqual({ id: 'r', threadId: 't', text: 'Hello', state: 'live' })
  writer.append(', world')
  await expect.poll(() => b.drafts.reply.get('r')?.text).toBe('Hello, world')
  expect(b.read).toBe(read)
  const receipt = await writer.end((text) => a.dispatch.add({ id: 'r', text }))
  expect(receipt.sequence).toBe(1)
  await expect.poll(() => b.drafts.reply.get('r')).toBe(undefined)
  expect(await dump(name, 'drafts')).toEqual([])
  expect(b.read.messages.get('r')?.text).toBe('Hello, world')
})
