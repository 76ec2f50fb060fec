import { defineEvents, defineModel, event, projection, reject, table, value } from 'tidemark'

export interface Todo {
  id: string
  title: string
  done: boolean
}

export const events = defineEvents({
  todoAdded: event<{ id: string; title: string }>(),
  todoToggled: event<{ id: string }>(),
  todoRenamed: event<{ id: string; title: string }>(),
  todoRemoved: event<{ id: string }>(),
  doneCleared: event(),
})

/** Another object each time: another model is another engine, like another tab. */
export const todoApp = (name = 'todos') => {
  const todos = projection(events, {
    into: table<Todo>('id'),
    by: { doneCleared: () => ({ done: true }) },
    evolve: {
      todoAdded: (_, { data }) => ({ ...data, done: false }),
      todoToggled: (todo) => todo && { ...todo, done: !todo.done },
      todoRenamed: (todo, { data }) => todo && { ...todo, title: data.title },
      todoRemoved: () => null,
      doneCleared: () => null,
    },
  })
  const count = projection(events, { into: value(0), evolve: { todoAdded: (n) => n + 1 } })
  return defineModel({
    name,
    events,
    projections: { todos, count },
    commands: {
      add: (_, { title, id }: { title: string; id?: string }, context) =>
        events.todoAdded({ id: id ?? context.id(), title }),
      addOnce: ({ todos }, { id, title }: { id: string; title: string }) =>
        todos.has(id) ? reject('taken', { id }) : events.todoAdded({ id, title }),
      addMany: (_, { ids }: { ids: string[] }) => ids.map((id) => events.todoAdded({ id, title: id })),
      toggle: ({ todos }, { id }: { id: string }) =>
        todos.has(id) ? events.todoToggled({ id }) : reject('todo-not-found', { id }),
      rename: ({ todos }, { id, title }: { id: string; title: string }) =>
        todos.has(id) ? events.todoRenamed({ id, title }) : reject('todo-not-found', { id }),
      remove: ({ todos }, { id }: { id: string }) => (todos.has(id) ? events.todoRemoved({ id }) : undefined),
      clearDone: ({ todos }) => (todos.by('done', true).length ? events.doneCleared() : []),
    },
  })
}

let names = 0
export const freshName = (): string => `test-${++names}-${Math.random().toString(36).slice(2)}`

export async function collect<T>(from: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const one of from) all.push(one)
  return all
}
