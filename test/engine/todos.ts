import {
  defineEvents,
  defineModel,
  event,
  type OpenOptions,
  openEngine,
  projection,
  reject,
  table,
  value,
} from 'tidemark'

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

export interface TodoApp {
  name?: string
  version?: number
  /** `titles` throws on an event with this title, as a build with a bug does. */
  poison?: string
  /** Called for each decision of `add`. */
  deciding?: () => void
  /** Called for each event that `titles` folds. */
  folding?: () => void
}

/** Another object each time: another model is another engine, like another tab. */
export const todoApp = ({ name = 'todos', version = 1, poison, deciding, folding }: TodoApp = {}) => {
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
  const titles = projection(events, {
    into: table<{ title: string; times: number }>('title'),
    version,
    by: { todoAdded: ({ data }) => data.title },
    evolve: {
      todoAdded: (row, { data: { title } }) => {
        folding?.()
        if (title === poison) throw new RangeError(`no ${title}`)
        return { title, times: (row?.times ?? 0) + 1 }
      },
    },
  })
  return defineModel({
    name,
    events,
    projections: { todos, count, titles },
    commands: {
      add: (_, { title, id }: { title: string; id?: string }, context) => {
        deciding?.()
        return events.todoAdded({ id: id ?? context.id(), title })
      },
      addUnlessUsed: ({ titles }, { id, title }: { id: string; title: string }) =>
        titles.has(title) ? reject('used') : events.todoAdded({ id, title }),
      nothing: () => undefined,
      refuse: () => {
        deciding?.()
        return reject('no')
      },
      /** Its event says on which state it was decided. */
      number: ({ count }, _: undefined, { id }) => events.todoAdded({ id: id(), title: String(count.value) }),
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

/** What a later deploy knows besides: a new event, and a second version of an old one. */
export const newerApp = () => {
  const events = defineEvents({
    todoAdded: event<{ id: string; title: string }>().upcast((data) => ({ ...data, list: 'inbox' })),
    todoStarred: event<{ id: string }>(),
    todoToggled: event<{ id: string }>(),
    todoRenamed: event<{ id: string; title: string }>(),
    todoRemoved: event<{ id: string }>(),
    doneCleared: event(),
  })
  const todos = projection(events, {
    into: table<{ id: string; title: string; starred: boolean }>('id'),
    evolve: {
      todoAdded: (_, { data: { id, title } }) => ({ id, title, starred: false }),
      todoStarred: (todo) => todo && { ...todo, starred: true },
    },
  })
  return defineModel({
    name: 'todos',
    events,
    projections: { todos },
    commands: {
      add: (_, { id, title }: { id: string; title: string }) => events.todoAdded({ id, title, list: 'new' }),
      star: (_, { id }: { id: string }) => events.todoStarred({ id }),
    },
  })
}

let names = 0
export const freshName = (): string => `test-${++names}-${Math.random().toString(36).slice(2)}`

/** One more tab of a log: a model object of its own, so an engine of its own. */
export const openTab = (name: string, app: TodoApp = {}, options: OpenOptions = {}) =>
  openEngine(todoApp(app), { name, ...options })

/** Everything a tab shows. */
export const shown = ({ read }: Awaited<ReturnType<typeof openTab>>) => ({
  todos: read.todos.all(),
  titles: read.titles.all(),
  count: read.count.value,
})

/** What settles a promise, as a value. */
export const outcome = <T>(promise: Promise<T>): Promise<T | Error> => promise.catch((error) => error)

export const later = (milliseconds = 0): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds))

export async function collect<T>(from: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const one of from) all.push(one)
  return all
}
