import { useStatus } from 'tidemark/react'
import { TimeMachine } from '../ui/TimeMachine.tsx'
import { useTimeMachine } from '../ui/useTimeMachine.ts'
import type { TodoEngine } from './engine.ts'
import { inPlace, type Todo } from './todos.ts'

/** The list in the past: the log folded up to the event at the slider. */
export function PastTodos({ engine }: { readonly engine: TodoEngine }) {
  const machine = useTimeMachine(engine)
  const { sequence } = useStatus(engine)
  return (
    <TimeMachine
      machine={machine}
      head={sequence}
      state={({ read, event }) => <List todos={inPlace(read.todos.all())} changed={idOf(event?.data)} />}
    >
      Everything that happened to this list is in its log. Go back to any point of it; the list above stays as it is.
    </TimeMachine>
  )
}

function List({ todos, changed }: { readonly todos: readonly Readonly<Todo>[]; readonly changed: string | undefined }) {
  if (todos.length === 0) return <p className="past-empty">The list was empty then.</p>
  return (
    <ul className="past" aria-label="The list then">
      {todos.map(({ id, title, completed }) => (
        <li key={id} data-completed={completed} data-changed={id === changed}>
          <span aria-hidden="true">{completed ? '✓' : '○'}</span> {title}
          {completed && <span className="visually-hidden"> (completed)</span>}
        </li>
      ))}
    </ul>
  )
}

const idOf = (data: unknown): string | undefined => (data as { id?: string } | undefined)?.id
