import { defineEvents, defineModel, event, projection, reject, table } from 'tidemark'

interface Todo {
  id: string
  title: string
  done: boolean
}
const events = defineEvents({
  todoAdded: event<{ id: string; title: string }>(),
  todoToggled: event<{ id: string }>(),
})
const todos = projection(events, {
  into: table<Todo>('id'),
  evolve: {
    todoAdded: (_, { data }) => ({ ...data, done: false }),
    todoToggled: (todo) => todo && { ...todo, done: !todo.done },
  },
})

export const todoApp = defineModel({
  name: 'todos',
  events,
  projections: { todos },
  commands: {
    add: (_, { title }: { title: string }, { id }) => events.todoAdded({ id: id(), title }),
    toggle: ({ todos }, { id }: { id: string }) =>
      todos.has(id) ? events.todoToggled({ id }) : reject('todo-not-found', { id }),
  },
})
