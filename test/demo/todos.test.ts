import { given } from 'tidemark/testing'
import { describe, it } from 'vitest'
import { todoApp } from '../../demo/todomvc/todos.ts'

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
})
