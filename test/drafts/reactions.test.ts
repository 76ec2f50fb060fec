import { openEngine } from 'tidemark'
import { reaction } from 'tidemark/reactions'
import { beforeEach, expect, test, vi } from 'vitest'
import { atEnd } from '../engine/kit.ts'
import { freshName } from '../engine/todos.ts'
import { createLocks } from '../engine/tools/locks.ts'
import { dump } from '../log/storage.ts'
import { chat } from './kit.ts'

beforeEach(() => {
  vi.stubGlobal('navigator', { locks: createLocks() })
})

type App = ReturnType<typeof chat>

async function answering(run: Parameters<typeof reaction<any, any, any, any, any>>[1]['run'], storage?: 'memory') {
  const app = chat()
  const answer = reaction(app as App, {
    on: ['messageAdded'],
    from: 'start',
    retry: { tries: 2, delay: 10 },
    run: run as never,
  })
  const name = freshName()
  const engine = await openEngine(app, { name, storage, reactions: async () => ({ answer }) })
  atEnd(() => engine.close())
  return { name, engine }
}

test.each(['memory', undefined] as const)(
  'a reaction streams into a draft, and ends it with its event (%s)',
  async (storage) => {
    let go = () => {}
    const waits = new Promise<void>((resolve) => (go = resolve))
    const { name, engine } = await answering(async ({ event, dispatch, drafts }: any) => {
      if (event.data.id !== 'question') return
      const text = drafts.reply.begin('answer', { threadId: 't' })
      for (const part of ['It ', 'is ']) text.append(part)
      await waits
      text.append('42')
      await text.end((whole: string) => dispatch.add({ id: 'answer', text: whole }, { settles: true }))
    }, storage)
    engine.drafts.reply.get('answer')
    await engine.dispatch.add({ id: 'question', text: '?' })
    await expect
      .poll(() => engine.drafts.reply.get('answer'), { timeout: 5000 })
      .toMatchObject({ text: 'It is ', state: 'live' })
    go()
    await expect.poll(() => engine.read.messages.get('answer')?.text).toBe('It is 42')
    await expect.poll(() => engine.drafts.reply.get('answer')).toBe(undefined)
    await engine.settled()
    if (!storage) expect(await dump(name, 'drafts')).toEqual([])
  },
)

test('an attempt that fails abandons its draft, and the next one starts empty', async () => {
  const seen: string[] = []
  const { engine } = await answering(async ({ event, attempt, dispatch, drafts }: any) => {
    if (event.data.id !== 'question') return
    const text = drafts.reply.begin('answer', { threadId: 't' })
    text.append(`attempt ${attempt}`)
    if (attempt === 1) throw new Error('cut')
    seen.push(drafts.reply.get('answer').text)
    await text.end((whole: string) => dispatch.add({ id: 'answer', text: whole }))
  })
  engine.drafts.reply.get('answer')
  await engine.dispatch.add({ id: 'question', text: '?' })
  await expect.poll(() => engine.read.messages.get('answer')?.text, { timeout: 5000 }).toBe('attempt 2')
  expect(seen).toEqual(['attempt 2'])
})
