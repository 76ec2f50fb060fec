import { given, openTestEngine } from 'tidemark/testing'
import { describe, expect, it } from 'vitest'
import { inPlace, todoApp } from '../../demo/todomvc/todos.ts'
import { undoTodos } from '../../demo/todomvc/undoTodos.ts'

const { events } = todoApp
const milk = events.todoAdded({ id: 'id-1', title: 'Buy milk' })
const ada = events.todoAdded({ id: 'id-2', title: 'Call Ada' })
const milkDone = events.todoMarked({ id: 'id-1', completed: true })

describe('the todo model', () => {
  it('adds a trimmed title, and nothing for a blank', () => {
    given(todoApp).when('add', { title: ' Buy milk ' }).then(milk)
    given(todoApp).when('add', { title: '  ' }).thenNothing()
  })

  it('renames, removes when the title is empty, and ignores the same title or a todo that is gone', () => {
    given(todoApp, milk)
      .when('rename', { id: 'id-1', title: 'Buy oats ' })
      .then(events.todoRenamed({ id: 'id-1', title: 'Buy oats' }))
    given(todoApp, milk)
      .when('rename', { id: 'id-1', title: ' ' })
      .then(events.todoRemoved({ id: 'id-1' }))
    given(todoApp, milk).when('rename', { id: 'id-1', title: 'Buy milk' }).thenNothing()
    given(todoApp, milk).when('rename', { id: 'id-2', title: 'Buy oats' }).thenNothing()
  })

  it('marks one, and all in one event, only where something changes', () => {
    given(todoApp, milk).when('mark', { id: 'id-1', completed: true }).then(milkDone)
    given(todoApp, milk, milkDone).when('mark', { id: 'id-1', completed: true }).thenNothing()
    given(todoApp, milk, milkDone, ada)
      .when('markAll', { completed: true })
      .then(events.allMarked({ completed: true }))
    given(todoApp, milk, milkDone).when('markAll', { completed: true }).thenNothing()
  })

  it('clears what is completed, by an event that needs no list of ids', () => {
    given(todoApp, milk, ada, milkDone).when('clearCompleted').then(events.completedCleared())
    given(todoApp, milk, ada, milkDone, events.completedCleared()).when('clearCompleted').thenNothing()
    given(todoApp, milk, ada, milkDone, events.completedCleared()).when('remove', { id: 'id-1' }).thenNothing()
  })

  it('has an inverse for every command: undone one by one, and redone, the list goes through the same states', async () => {
    const engine = await openTestEngine(todoApp, { storage: 'memory' })
    const undo = undoTodos(engine as never)
    const list = () =>
      inPlace(engine.read.todos.all()).map(({ title, completed }) => `${completed ? '✓' : '○'} ${title}`)
    const states = [list()]
    const run = async (command: Promise<unknown>) => {
      await command
      states.push(list())
    }
    const id = (place: number) => engine.read.todos.all()[place]!.id
    for (const title of ['Buy milk', 'Call Ada', 'Read']) await run(engine.dispatch.add({ title }))
    await run(engine.dispatch.rename({ id: id(0), title: 'Buy oats' }))
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
