import { openEngine } from 'tidemark'
import { deadLetters } from 'tidemark/tools'
import { chat } from './model.ts'

const open = () =>
  openEngine(chat, {
    worker: () => new SharedWorker(new URL('./reactions.worker.ts', import.meta.url), { type: 'module' }),
    reactions: () => import('./chat.reactions.ts'),
  })

declare global {
  interface Window {
    chat: Awaited<ReturnType<typeof open>>
    deadLetters(): Promise<unknown>
  }
}

const { searchParams } = new URL(location.href)
if (searchParams.has('alone')) Reflect.deleteProperty(globalThis, 'SharedWorker')
// The first command comes as soon as the engine is open: the worker has not answered yet.
const first = searchParams.get('first')
open().then((engine) => {
  if (first) void engine.dispatch.requestTurn({ id: first })
  window.deadLetters = async () =>
    (await deadLetters(engine)).map(({ error, ...letter }) => ({ ...letter, error: String(error) }))
  window.chat = engine
})
