import { defineEvents, defineModel, event, projection, reject, table, value } from 'tidemark'

export interface Todo {
  id: string
  title: string
  done: boolean
  list: number
}
const events = defineEvents({
  added: event<{ id: string; title: string; list: number }>(),
  renamed: event<{ id: string; title: string }>(),
  toggled: event<{ id: string }>(),
})
export const todoApp = defineModel({
  name: 'todos',
  events,
  projections: {
    todos: projection(events, {
      into: table<Todo>('id'),
      evolve: {
        added: (_, { data }) => ({ ...data, done: false }),
        renamed: (todo, { data }) => todo && { ...todo, ...data },
        toggled: (todo) => todo && { ...todo, done: !todo.done },
      },
    }),
    count: projection(events, { into: value(0), evolve: { added: (n) => n + 1 } }),
  },
  commands: {
    add: (_, data: { id: string; title: string; list: number }) => events.added(data),
    fill: (_, { rows }: { rows: number }) =>
      Array.from({ length: rows }, (_, i) => events.added({ id: `${i}`, title: `title ${i}`, list: i % 10 })),
    rename: (_, data: { id: string; title: string }) => events.renamed(data),
    toggle: ({ todos }, { id }: { id: string }) => (todos.has(id) ? events.toggled({ id }) : reject('not found')),
  },
})
