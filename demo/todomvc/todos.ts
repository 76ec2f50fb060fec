import { defineEvents, defineModel, event, projection, table } from 'tidemark'

export interface Todo {
  id: string
  title: string
  completed: boolean
}

const events = defineEvents({
  todoAdded: event<{ id: string; title: string }>(),
  todoRenamed: event<{ id: string; title: string }>(),
  todoMarked: event<{ id: string; completed: boolean }>(),
  todoRemoved: event<{ id: string }>(),
  allMarked: event<{ completed: boolean }>(),
  completedCleared: event(),
})

const todos = projection(events, {
  into: table<Todo>('id'),
  by: {
    allMarked: ({ data }) => ({ completed: !data.completed }),
    completedCleared: () => ({ completed: true }),
  },
  evolve: {
    todoAdded: (_, { data }) => ({ ...data, completed: false }),
    todoRenamed: (todo, { data }) => todo && { ...todo, title: data.title },
    todoMarked: (todo, { data }) => todo && { ...todo, completed: data.completed },
    todoRemoved: () => null,
    allMarked: (todo, { data }) => todo && { ...todo, completed: data.completed },
    completedCleared: () => null,
  },
})

/** A command that finds nothing to change gives no event: two tabs may press the same button. */
export const todoApp = defineModel({
  name: 'todomvc',
  events,
  projections: { todos },
  commands: {
    add: (_, input: { title: string }, { id }) => {
      const title = input.title.trim()
      return title ? events.todoAdded({ id: id(), title }) : []
    },
    rename: ({ todos }, input: { id: string; title: string }) => {
      const title = input.title.trim()
      const todo = todos.get(input.id)
      if (!todo || todo.title === title) return []
      return title ? events.todoRenamed({ id: todo.id, title }) : events.todoRemoved({ id: todo.id })
    },
    mark: ({ todos }, { id, completed }: { id: string; completed: boolean }) =>
      todos.get(id)?.completed === !completed ? events.todoMarked({ id, completed }) : [],
    remove: ({ todos }, { id }: { id: string }) => (todos.has(id) ? events.todoRemoved({ id }) : []),
    markAll: ({ todos }, { completed }: { completed: boolean }) =>
      todos.by('completed', !completed).length > 0 ? events.allMarked({ completed }) : [],
    clearCompleted: ({ todos }) => (todos.by('completed', true).length > 0 ? events.completedCleared() : []),
  },
})
