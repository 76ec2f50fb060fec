import { reaction } from 'tidemark/reactions'
import { given } from 'tidemark/testing'
import { expect, test } from 'vitest'
import { chatApp, events } from './chat.ts'

const chat = chatApp()
const answer = reaction(chat, {
  on: ['turnRequested'],
  from: 'now',
  lane: ({ data }) => data.thread,
  after: () => 5,
  async run({ event, read, dispatch, context }) {
    const { token } = await context<{ token: string }>()
    const earlier = read.turns.all().filter(({ state }) => state === 'finished').length
    await dispatch.finishTurn({ id: event.data.id, text: `${earlier} with ${token}` }, { settles: true })
  },
  lost: ({ event, dispatch }) => dispatch.interruptTurn({ id: event.data.id }),
  failed: ({ event, error, dispatch }) => dispatch.failTurn({ id: event.data.id, reason: error.message }),
})
const requested = events.turnRequested({ id: 'b', thread: 't' })

test('reactions rule 12: `given(…).reacts(…)` specifies an attempt without a browser', async () => {
  const before = given(
    chat,
    events.turnRequested({ id: 'a', thread: 't' }),
    events.turnFinished({ id: 'a', text: 'x' }),
  )
  expect(await before.reacts(answer, requested, { context: { token: 'mine' } })).toEqual({
    events: [events.turnFinished({ id: 'b', text: '1 with mine' })],
    settled: true,
    lane: 't',
    after: 5,
  })
})

test('each handler can be called, and its error is reported', async () => {
  const lost = await given(chat).reacts(answer, requested, { handler: 'lost' })
  expect(lost.events).toEqual([events.turnInterrupted({ id: 'b' })])
  const failed = await given(chat).reacts(answer, requested, { handler: 'failed', error: new Error('503') })
  expect(failed.events).toEqual([events.turnFailed({ id: 'b', reason: '503' })])
  const context = () => Promise.reject(new Error('signed out'))
  expect(await given(chat).reacts(answer, requested, { context })).toMatchObject({
    events: [],
    settled: false,
    error: { message: 'signed out' },
  })
})

test('a reaction to another event throws', async () => {
  const noted = events.noted({ text: '' })
  await expect(given(chat).reacts(answer as never, noted as never)).rejects.toThrow('not on "noted"')
})
