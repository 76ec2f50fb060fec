import { defineEvents, defineModel, event, projection, table } from 'tidemark'

export interface Todo {
  id: string
  title: string
  completed: boolean
  /** Where it stands: the sequence of the event that added it. A todo that is restored returns to its place. */
  place: number
}

const events = defineEvents({
  todoAdded: event<{ id: string; title: string }>(),
  todoRenamed: event<{ id: string; title: string }>(),
  todoMarked: event<{ id: string; completed: boolean }>(),
  todoRemoved: event<{ id: string }>(),
  todoRestored: event<Todo>(),
  allMarked: event<{ completed: boolean }>(),
  completedCleared: event(),
})

const todos = projection(events, {
  into: table<Todo>('id'),
  // Rows of version 1 had no place: a browser that has some folds them again from the log.
  version: 2,
  by: {
    allMarked: ({ data }) => ({ completed: !data.completed }),
    completedCleared: () => ({ completed: true }),
  },
  evolve: {
    todoAdded: (_, { data, sequence }) => ({ ...data, completed: false, place: sequence }),
    todoRestored: (_, { data }) => data,
    todoRenamed: (todo, { data }) => todo && { ...todo, title: data.title },
    todoMarked: (todo, { data }) => todo && { ...todo, completed: data.completed },
    todoRemoved: () => null,
    allMarked: (todo, { data }) => todo && { ...todo, completed: data.completed },
    completedCleared: () => null,
  },
})

export const inPlace = (todos: readonly Readonly<Todo>[]): readonly Readonly<Todo>[] =>
  todos.toSorted((a, b) => a.place - b.place)

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
