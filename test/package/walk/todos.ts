import { defineEvents, defineModel, event, projection, table, value } from 'tidemark'

interface Todo {
  id: string
  title: string
}

const events = defineEvents({
  todoAdded: event<{ id: string; title: string }>(),
  todoTouched: event<{ id: string; text: string }>(),
})
const todos = projection(events, { into: table<Todo>('id'), evolve: { todoAdded: (_, { data }) => data } })
const touched = projection(events, { into: value(0), evolve: { todoTouched: (n) => n + 1 } })

export const todoApp = defineModel({
  name: 'todos',
  events,
  projections: { todos, touched },
  commands: {
    add: (_, { title }: { title: string }, { id }) => events.todoAdded({ id: id(), title }),
    touch: (_, { times, text }: { times: number; text: string }) =>
      Array.from({ length: times }, (_, i) => events.todoTouched({ id: `${i}`, text })),
  },
})
