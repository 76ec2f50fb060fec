import { defineEvents, defineModel, event, projection, table } from 'tidemark'

interface Id {
  id: string
}

export interface Todo {
  id: string
  title: string
  done: boolean
}

const events = defineEvents({
  todoAdded: event<Id & { title: string }>(),
  todoToggled: event<Id>(),
  todoRemoved: event<Id>(),
})

// How each event changes the rows, in memory, on disk and in tests
const todos = projection(events, {
  into: table<Todo>('id'),
  evolve: {
    todoAdded: (_, { data }) => ({ ...data, done: false }),
    todoToggled: (todo) => todo && { ...todo, done: !todo.done },
    todoRemoved: () => null,
  },
})

export const todoApp = defineModel({
  name: 'first-page',
  events,
  projections: { todos },
  commands: {
    add: (_, { title }: { title: string }, { id }) => events.todoAdded({ id: id(), title }),
    toggle: ({ todos }, { id }: Id) => (todos.has(id) ? events.todoToggled({ id }) : []),
    remove: ({ todos }, { id }: Id) => (todos.has(id) ? events.todoRemoved({ id }) : []),
  },
})
