import { reaction } from 'tidemark/reactions'
import { todoApp } from './todos.ts'

/** Reminds the person of a todo when it is due. */
export const remind = reaction(todoApp, {
  on: ['todoDueSet'],
  from: 'start',
  lane: ({ data }) => data.id,
  after: ({ data }) => new Date(data.due),
  cancel: {
    todoDueSet: (next, set) => next.data.id === set.data.id,
    todoDueCleared: (cleared, set) => cleared.data.id === set.data.id,
    todoMarked: (marked, set) => marked.data.completed && marked.data.id === set.data.id,
    allMarked: (marked) => marked.data.completed,
    todoRemoved: (removed, set) => removed.data.id === set.data.id,
  },
  run: ({ event: { data }, dispatch }) => dispatch.remind(data, { settles: true }),
})
