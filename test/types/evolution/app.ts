// An app that compiles with both sets of events, so that a test can compare the costs for the compiler. It never runs.
import { defineModel, openEngine, projection, reject, table, value } from 'tidemark'
import { useRead } from 'tidemark/react'
import { given } from 'tidemark/testing'
import { events } from './events.ts'

interface Todo {
  id: string
  title: string
  list: string
  done: boolean
}
const todos = projection(events, {
  into: table<Todo>('id', { history: true }),
  version: 3,
  by: { cleared: () => ({ done: true }) },
  evolve: {
    added: (_, { data }) => ({ ...data, done: false }),
    renamed: (todo, { data }) => todo && { ...todo, title: data.title },
    toggled: (todo) => todo && { ...todo, done: !todo.done },
    removed: () => null,
    cleared: () => null,
  },
})
const lists = projection(events, {
  into: table<{ list: string; todos: number }>('list'),
  evolve: { added: (row, { data }) => ({ list: data.list, todos: (row?.todos ?? 0) + 1 }) },
})
const shares = projection(events, { into: value(0), evolve: { shared: (n, { data }) => n + data.with.length } })
const app = defineModel({
  name: 'app',
  events,
  projections: { todos, lists, shares },
  commands: {
    add: (_, { title, list }: { title: string; list: string }, { id }) => events.added({ id: id(), title, list }),
    rename: ({ todos }, data: { id: string; title: string }) =>
      todos.has(data.id) ? events.renamed(data) : reject('gone'),
    toggle: ({ todos }, { id }: { id: string }) => (todos.has(id) ? events.toggled({ id }) : reject('gone')),
    remove: ({ todos }, { id }: { id: string }) => (todos.has(id) ? [events.removed({ id })] : []),
    clear: ({ todos }) => (todos.by('done', true).length ? events.cleared() : []),
  },
})
const engine = await openEngine(app)
export const useOpen = () => useRead(engine, (read) => read.todos.by('done', false))
await engine.dispatch.add({ title: 'Milk', list: 'inbox' })
for await (const one of engine.history({ table: 'todos', key: 'a' }))
  if (one.type === 'added') one.data.list satisfies string
given(app, events.added({ id: 'a', title: 'Milk', list: 'inbox' }))
  .when('rename', { id: 'a', title: 'Oats' })
  .then(events.renamed({ id: 'a', title: 'Oats' }))
