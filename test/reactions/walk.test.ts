import { openEngine } from 'tidemark'
import { reaction } from 'tidemark/reactions'
import { beforeEach, expect, test, vi } from 'vitest'
import { atEnd } from '../engine/kit.ts'
import { freshName } from '../engine/todos.ts'
import { createLocks } from '../engine/tools/locks.ts'
import { dump } from '../log/storage.ts'
import { chatApp } from './chat.ts'

beforeEach(() => {
  vi.stubGlobal('navigator', { locks: createLocks() })
})

const answering = (called: string[] = []) => {
  const chat = chatApp()
  const answer = reaction(chat, {
    on: ['turnRequested'],
    from: 'now',
    lane: ({ data }) => data.thread,
    async run({ event, read, dispatch, key }) {
      called.push(key)
      expect(read.turns.get(event.data.id)?.state).toBe('requested')
      await dispatch.finishTurn({ id: event.data.id, text: `${event.data.id}!` }, { settles: true })
    },
  })
  return { chat, reactions: async () => ({ answer }) }
}

test.each(['memory', undefined] as const)(
  'an event leads to a reaction, which dispatches a command (%s)',
  async (storage) => {
    const called: string[] = []
    const { chat, reactions } = answering(called)
    const name = freshName()
    const engine = await openEngine(chat, { name, storage, reactions })
    atEnd(() => engine.close())
    await engine.dispatch.requestTurn({ id: 'a' }, { commandId: 'first' })
    await engine.settled()
    expect(engine.read.turns.get('a')).toMatchObject({ state: 'finished', text: 'a!' })
    expect(called).toEqual(['reaction:answer:first/0'])
    expect(engine.status.reactions.answer).toMatchObject({ state: 'idle', open: 0, dead: 0 })
    await engine.dispatch.requestTurns({ ids: ['b', 'c', 'd'], thread: 'x' })
    await engine.settled()
    expect(engine.read.turns.all().map(({ state }) => state)).toEqual(Array(4).fill('finished'))
    if (!storage) expect((await dump(name, 'reactions')).map(({ key }) => key)).toEqual(['holder', ['answer']])
  },
)

test('a second tab shows what the reaction of the first tab appended', async () => {
  const name = freshName()
  const one = answering()
  const other = answering()
  const a = await openEngine(one.chat, { name, reactions: one.reactions })
  const b = await openEngine(other.chat, { name, reactions: other.reactions })
  atEnd(() => Promise.all([a.close(), b.close()]))
  await b.dispatch.requestTurn({ id: 'a' })
  await b.settled()
  await a.settled()
  expect(a.read.turns.get('a')?.state).toBe('finished')
  expect(b.read.turns.get('a')?.state).toBe('finished')
})
