import { undoStack } from 'tidemark/tools'
import type { TodoEngine } from './engine.ts'
import { dueAgain, type Todo, todoApp } from './todos.ts'

const { events } = todoApp
const unmarked = (todo: Readonly<Todo>) => [events.todoMarked({ id: todo.id, completed: false }), ...dueAgain(todo)]
const restored = (todo: Readonly<Todo> | undefined) =>
  todo && [events.todoRestored(todo), ...(todo.completed ? [] : dueAgain(todo))]
const due = (todo: Readonly<Todo> | undefined) =>
  todo && (todo.due === null ? events.todoDueCleared({ id: todo.id }) : dueAgain(todo))

/** The inverse of each command, from the state before it. */
export const undoTodos = (engine: TodoEngine) =>
  undoStack(engine, {
    add: ({ events: [added] }) => (added?.type === 'todoAdded' ? events.todoRemoved({ id: added.data.id }) : undefined),
    rename: ({ input: { id }, before: { todos }, events: [renamed] }) => {
      const todo = todos.get(id)
      return renamed?.type === 'todoRemoved' ? restored(todo) : todo && events.todoRenamed({ id, title: todo.title })
    },
    mark: ({ input: { id, completed }, before: { todos } }) => {
      const todo = todos.get(id)
      return completed ? todo && unmarked(todo) : events.todoMarked({ id, completed: true })
    },
    remove: ({ input: { id }, before: { todos } }) => restored(todos.get(id)),
    markAll: ({ input: { completed }, before: { todos } }) =>
      todos
        .by('completed', !completed)
        .flatMap((todo) => (completed ? unmarked(todo) : [events.todoMarked({ id: todo.id, completed: true })])),
    clearCompleted: ({ before: { todos } }) => todos.by('completed', true).map((todo) => events.todoRestored(todo)),
    setDue: ({ input: { id }, before: { todos } }) => due(todos.get(id)),
    clearDue: ({ input: { id }, before: { todos } }) => due(todos.get(id)),
  })

export type TodoUndo = ReturnType<typeof undoTodos>
