import { given, openTestEngine } from 'tidemark/testing'
import { undoStack } from 'tidemark/tools'
import { expect, test } from 'vitest'
import { events, inverses, shopping } from './shopping.ts'

const milk = events.itemAdded({ id: 'a', name: 'Milk' })

test('an item is on the list once', () => {
  given(shopping)
    .when('add', { name: ' Milk ' })
    .then(events.itemAdded({ id: 'id-1', name: 'Milk' }))
  given(shopping, milk).when('add', { name: 'Milk' }).thenRejected('already-listed', { name: 'Milk' })
})

test('an item that was bought can be added again', () => {
  given(shopping, milk, events.itemBought({ id: 'a' }))
    .when('add', { name: 'Milk' })
    .then(events.itemAdded({ id: 'id-1', name: 'Milk' }))
})

test('undo restores a removed item', async () => {
  const engine = await openTestEngine(shopping, { events: [milk] })
  const stack = undoStack(engine, inverses)
  await engine.dispatch.remove({ id: 'a' })
  expect(engine.read.items.size).toBe(0)
  await stack.undo()
  expect(engine.read.items.all()).toEqual([{ id: 'a', name: 'Milk', bought: false }])
  await engine.close()
})
