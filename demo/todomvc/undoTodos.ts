import { undoStack } from 'tidemark/tools'
import type { TodoEngine } from './engine.ts'
import { type Todo, todoApp } from './todos.ts'

const { events } = todoApp
const restored = (todo: Readonly<Todo> | undefined) => todo && events.todoRestored(todo)

/** What takes each command back, from the state before it. */
export const undoTodos = (engine: TodoEngine) =>
  undoStack(engine, {
    add: ({ events: [added] }) => (added?.type === 'todoAdded' ? events.todoRemoved({ id: added.data.id }) : undefined),
    rename: ({ input: { id }, before: { todos }, events: [renamed] }) => {
      const todo = todos.get(id)
      return renamed?.type === 'todoRemoved' ? restored(todo) : todo && events.todoRenamed({ id, title: todo.title })
    },
    mark: ({ input: { id, completed } }) => events.todoMarked({ id, completed: !completed }),
    remove: ({ input: { id }, before: { todos } }) => restored(todos.get(id)),
    markAll: ({ input: { completed }, before: { todos } }) =>
      todos.by('completed', !completed).map(({ id }) => events.todoMarked({ id, completed: !completed })),
    clearCompleted: ({ before: { todos } }) => todos.by('completed', true).map((todo) => events.todoRestored(todo)),
  })

export type TodoUndo = ReturnType<typeof undoTodos>
