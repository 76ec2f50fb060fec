import { reaction } from 'tidemark/reactions'
import { chat } from './model.ts'

const where = 'window' in globalThis ? 'page' : 'worker'

/** A provider that takes its time. That of a storm is the test's server, which outlives the browser. */
const answerTo = (id: string, key: string, signal: AbortSignal): Promise<string> => {
  if (id.startsWith('storm'))
    return fetch('/complete', { method: 'POST', body: id, headers: { 'idempotency-key': key }, signal }).then(
      (response) => response.text(),
    )
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => resolve(`${id} answered in a ${where}`), id.startsWith('slow') ? 60_000 : 20)
    signal.addEventListener('abort', () => {
      clearTimeout(timer)
      reject(signal.reason)
    })
  })
}

export const answer = reaction(chat, {
  on: ['turnRequested'],
  from: 'now',
  lane: ({ data }) => data.thread,
  cancel: { turnStopped: (stop, start) => stop.data.id === start.data.id },
  async run({ event, dispatch, key, signal }) {
    const { id } = event.data
    const text = await answerTo(id, key, signal)
    await dispatch.finishTurn({ id, text }, { settles: true })
  },
  lost: ({ event, dispatch }) => dispatch.interruptTurn({ id: event.data.id }, { settles: true }),
})
