import { defineEvents, defineModel, event, projection, table } from 'tidemark'

export interface Todo {
  id: string
  title: string
  completed: boolean
  /** The todo's place in the list: the sequence of the event that added it. A restored todo gets the same place. */
  place: number
  /** Milliseconds since 1970; null: at any time. */
  due: number | null
}

/** A due todo that the page shows until the person answers. */
export interface Reminder {
  id: string
  due: number
}

const events = defineEvents({
  todoAdded: event<{ id: string; title: string }>(),
  todoRenamed: event<{ id: string; title: string }>(),
  todoMarked: event<{ id: string; completed: boolean }>(),
  todoRemoved: event<{ id: string }>(),
  /** Older logs have events without `due`. */
  todoRestored: event<Omit<Todo, 'due'> & { due?: number | null }>(),
  allMarked: event<{ completed: boolean }>(),
  completedCleared: event(),
  todoDueSet: event<{ id: string; due: number }>(),
  todoDueCleared: event<{ id: string }>(),
  todoReminded: event<{ id: string; due: number }>(),
  reminderDismissed: event<{ id: string }>(),
})

const todos = projection(events, {
  into: table<Todo>('id'),
  // Rows of version 1 had no place, and rows of version 2 no due date. A browser with such rows folds them again from the log.
  version: 3,
  by: {
    allMarked: ({ data }) => ({ completed: !data.completed }),
    completedCleared: () => ({ completed: true }),
  },
  evolve: {
    todoAdded: (_, { data, sequence }) => ({ ...data, completed: false, place: sequence, due: null }),
    todoRestored: (_, { data }) => ({ ...data, due: data.due ?? null }),
    todoRenamed: (todo, { data }) => todo && { ...todo, title: data.title },
    todoMarked: (todo, { data }) => todo && { ...todo, completed: data.completed },
    todoRemoved: () => null,
    allMarked: (todo, { data }) => todo && { ...todo, completed: data.completed },
    completedCleared: () => null,
    todoDueSet: (todo, { data }) => todo && { ...todo, due: data.due },
    todoDueCleared: (todo) => todo && { ...todo, due: null },
  },
})

const reminders = projection(events, {
  into: table<Reminder>('id'),
  by: { allMarked: () => ({}) },
  evolve: {
    todoReminded: (_, { data }) => data,
    reminderDismissed: () => null,
    todoDueSet: () => null,
    todoDueCleared: () => null,
    todoMarked: () => null,
    todoRemoved: () => null,
    allMarked: () => null,
  },
})

/** Sets a due date again, because completing or removing the todo ended its timer. */
export const dueAgain = ({ id, due }: Readonly<Todo>) => (due === null ? [] : [events.todoDueSet({ id, due })])

export const inPlace = (todos: readonly Readonly<Todo>[]): readonly Readonly<Todo>[] =>
  todos.toSorted((a, b) => a.place - b.place)

/** A command with nothing to change gives no event: the same button may be pressed in two tabs. */
export const todoApp = defineModel({
  name: 'todomvc',
  events,
  projections: { todos, reminders },
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
    mark: ({ todos }, { id, completed }: { id: string; completed: boolean }) => {
      const todo = todos.get(id)
      if (todo?.completed !== !completed) return []
      return [events.todoMarked({ id, completed }), ...(completed ? [] : dueAgain(todo))]
    },
    remove: ({ todos }, { id }: { id: string }) => (todos.has(id) ? events.todoRemoved({ id }) : []),
    markAll: ({ todos }, { completed }: { completed: boolean }) => {
      const others = todos.by('completed', !completed)
      if (others.length === 0) return []
      return [events.allMarked({ completed }), ...(completed ? [] : others.flatMap(dueAgain))]
    },
    clearCompleted: ({ todos }) => (todos.by('completed', true).length > 0 ? events.completedCleared() : []),
    setDue: ({ todos }, { id, due }: { id: string; due: number }) => {
      const todo = todos.get(id)
      if (!Number.isFinite(due) || !todo || todo.completed || todo.due === due) return []
      return events.todoDueSet({ id, due })
    },
    clearDue: ({ todos }, { id }: { id: string }) =>
      (todos.get(id)?.due ?? null) === null ? [] : events.todoDueCleared({ id }),
    /** The reaction dispatches this. A todo that is done, or due at another time, needs no reminder. */
    remind: ({ todos }, { id, due }: { id: string; due: number }) => {
      const todo = todos.get(id)
      return todo && !todo.completed && todo.due === due ? events.todoReminded({ id, due }) : []
    },
    dismissReminder: ({ reminders }, { id }: { id: string }) =>
      reminders.has(id) ? events.reminderDismissed({ id }) : [],
  },
})
