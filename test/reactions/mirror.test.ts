import { openEngine } from 'tidemark'
import { reaction } from 'tidemark/reactions'
import { expect, test } from 'vitest'
import { atEnd } from '../engine/kit.ts'
import { filesOf } from '../engine/mirrored.ts'
import { freshName } from '../engine/todos.ts'
import { deleteDatabase } from '../log/storage.ts'
import { chatApp } from './chat.ts'
import { openOf, positionsOf } from './kit.ts'

test('the mirror keeps what is open, and a log that is restored from it goes on there', async () => {
  const name = freshName()
  const chat = chatApp()
  const answer = reaction(chat, {
    on: ['turnRequested'],
    from: 'start',
    retry: { tries: 1 },
    async run() {
      throw new Error('the provider is gone')
    },
  })
  const engine = await openEngine(chat, { name, reactions: async () => ({ answer }) })
  await engine.dispatch.requestTurn({ id: 'a' })
  await expect.poll(async () => (await openOf(name)).map(({ dead }) => !!dead), { timeout: 20_000 }).toEqual([true])
  const open = await openOf(name)
  // Its round begins behind what was stored above.
  await engine.dispatch.note({ text: 'the mirror writes on' })
  await expect.poll(() => engine.status.mirror, { timeout: 15_000 }).toEqual({ state: 'on', sequence: 2 })
  expect(filesOf(name)).toContain('reactions.open')

  await deleteDatabase(name)
  await engine.close()
  const restored = await openEngine(chatApp(), { name })
  atEnd(() => restored.close())
  expect(restored.status.restored).toMatchObject({ sequence: 2 })
  expect(await openOf(name)).toEqual(open)
  expect(await positionsOf(name)).toMatchObject({ answer: { scanned: expect.any(Number) } })
})
