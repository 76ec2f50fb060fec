import { given, openTestEngine } from 'tidemark/testing'
import { describe, expect, it } from 'vitest'
import { remind } from '../../demo/todomvc/todos.reactions.ts'
import { inPlace, todoApp } from '../../demo/todomvc/todos.ts'
import { undoTodos } from '../../demo/todomvc/undoTodos.ts'

const { events } = todoApp
const milk = events.todoAdded({ id: 'id-1', title: 'Buy milk' })
const ada = events.todoAdded({ id: 'id-2', title: 'Call Ada' })
const milkDone = events.todoMarked({ id: 'id-1', completed: true })

describe('the todo model', () => {
  it('adds a todo with a trimmed title, and nothing for a blank title', () => {
    given(todoApp).when('add', { title: ' Buy milk ' }).then(milk)
    given(todoApp).when('add', { title: '  ' }).thenNothing()
  })

  it('renames a todo, removes it if the title is empty, and ignores the same title or a removed todo', () => {
    given(todoApp, milk)
      .when('rename', { id: 'id-1', title: 'Buy oats ' })
      .then(events.todoRenamed({ id: 'id-1', title: 'Buy oats' }))
    given(todoApp, milk)
      .when('rename', { id: 'id-1', title: ' ' })
      .then(events.todoRemoved({ id: 'id-1' }))
    given(todoApp, milk).when('rename', { id: 'id-1', title: 'Buy milk' }).thenNothing()
    given(todoApp, milk).when('rename', { id: 'id-2', title: 'Buy oats' }).thenNothing()
  })

  it('marks one todo, or all in one event, only if something changes', () => {
    given(todoApp, milk).when('mark', { id: 'id-1', completed: true }).then(milkDone)
    given(todoApp, milk, milkDone).when('mark', { id: 'id-1', completed: true }).thenNothing()
    given(todoApp, milk, milkDone, ada)
      .when('markAll', { completed: true })
      .then(events.allMarked({ completed: true }))
    given(todoApp, milk, milkDone).when('markAll', { completed: true }).thenNothing()
  })

  it('clears completed todos by one event without a list of ids', () => {
    given(todoApp, milk, ada, milkDone).when('clearCompleted').then(events.completedCleared())
    given(todoApp, milk, ada, milkDone, events.completedCleared()).when('clearCompleted').thenNothing()
    given(todoApp, milk, ada, milkDone, events.completedCleared()).when('remove', { id: 'id-1' }).thenNothing()
  })

  it('reads logs from before todos had due dates', () => {
    const place = { id: 'id-1', title: 'Buy milk', completed: false, place: 1 }
    given(
      todoApp,
      milk,
      { type: 'todoRemoved', version: 1, data: { id: 'id-1' } },
      { type: 'todoRestored', version: 1, data: place },
    ).thenRows({ todos: [{ ...place, due: null }], reminders: [] })
  })

  it('has an inverse for every command: undo and redo pass through the same states', async () => {
    const engine = await openTestEngine(todoApp, { storage: 'memory' })
    const undo = undoTodos(engine as never)
    const list = () =>
      inPlace(engine.read.todos.all()).map(
        ({ title, completed, due }) => `${completed ? '✓' : '○'} ${title} ${due ?? ''}`,
      )
    const states = [list()]
    const run = async (command: Promise<unknown>) => {
      await command
      states.push(list())
    }
    const id = (place: number) => engine.read.todos.all()[place]!.id
    for (const title of ['Buy milk', 'Call Ada', 'Read']) await run(engine.dispatch.add({ title }))
    await run(engine.dispatch.rename({ id: id(0), title: 'Buy oats' }))
    await run(engine.dispatch.setDue({ id: id(1), due: 1 }))
    await run(engine.dispatch.setDue({ id: id(0), due: 2 }))
    await run(engine.dispatch.setDue({ id: id(0), due: 3 }))
    await run(engine.dispatch.clearDue({ id: id(0) }))
    await run(engine.dispatch.mark({ id: id(1), completed: true }))
    await run(engine.dispatch.markAll({ completed: true }))
    await run(engine.dispatch.mark({ id: id(2), completed: false }))
    await run(engine.dispatch.clearCompleted())
    await run(engine.dispatch.rename({ id: id(0), title: '' }))
    await run(engine.dispatch.add({ title: 'Sleep' }))
    await run(engine.dispatch.remove({ id: id(0) }))
    const steps = states.length - 1
    for (let i = steps - 1; i >= 0; i--) {
      await undo.undo()
      expect(list()).toEqual(states[i])
    }
    expect(undo.canUndo).toBe(false)
    for (let i = 1; i <= steps; i++) {
      await undo.redo()
      expect(list()).toEqual(states[i])
    }
    await engine.close()
  })
})

describe('the reminder', () => {
  const due = Date.UTC(2026, 10, 28, 18)
  const set = events.todoDueSet({ id: 'id-1', due })

  it('waits for the due date, and is shown once', async () => {
    expect(await given(todoApp, milk).reacts(remind, set)).toEqual({
      events: [events.todoReminded({ id: 'id-1', due })],
      settled: true,
      lane: 'id-1',
      after: new Date(due),
    })
    given(todoApp, milk, set, events.todoReminded({ id: 'id-1', due })).thenRows({ reminders: [{ id: 'id-1', due }] })
  })

  it('is not shown for a todo that is done, removed or due at another time', async () => {
    const late = events.todoDueSet({ id: 'id-1', due: due + 1 })
    for (const since of [milkDone, events.todoRemoved({ id: 'id-1' }), late, events.todoDueCleared({ id: 'id-1' })])
      given(todoApp, milk, set, since).when('remind', { id: 'id-1', due }).thenNothing()
  })

  it('disappears when it is confirmed', () => {
    const shown = [milk, set, events.todoReminded({ id: 'id-1', due })]
    for (const since of [
      milkDone,
      events.allMarked({ completed: true }),
      events.todoRemoved({ id: 'id-1' }),
      events.todoDueSet({ id: 'id-1', due: due + 1 }),
      events.todoDueCleared({ id: 'id-1' }),
      events.reminderDismissed({ id: 'id-1' }),
    ])
      given(todoApp, ...shown, since).thenRows({ reminders: [] })
  })

  it('waits once for each todo: not for done, removed or undated todos, and again if that is undone', async () => {
    const engine = await openTestEngine(todoApp, { storage: 'memory', reactions: async () => ({ remind }) })
    const undo = undoTodos(engine as never)
    const waiting = () => engine.status.reactions.remind?.open
    const later = Date.now() + 90 * 86_400_000
    await engine.dispatch.add({ title: 'Buy milk' })
    const { id } = engine.read.todos.all()[0]!
    const again = async () => {
      await engine.dispatch.setDue({ id, due: later })
      await expect.poll(waiting).toBe(1)
    }
    await again()
    await engine.dispatch.setDue({ id, due: later - 1 })
    await engine.settled()
    await expect.poll(waiting).toBe(1)
    for (const end of [
      () => engine.dispatch.clearDue({ id }),
      () => engine.dispatch.mark({ id, completed: true }),
      () => engine.dispatch.markAll({ completed: true }),
      () => engine.dispatch.remove({ id }),
    ]) {
      await end()
      await expect.poll(waiting).toBe(0)
      await undo.undo()
      await expect.poll(waiting).toBe(1)
    }
    await engine.dispatch.setDue({ id, due: Date.now() - 1 })
    await engine.settled()
    expect(engine.read.reminders.size).toBe(1)
    await engine.close()
  })
})
