import { type FormEvent, useEffect, useId, useRef, useState } from 'react'
import { describeDate, fromLocal, nextHour, toLocal } from './dates.ts'
import type { TodoEngine } from './engine.ts'
import { askToNotify, canAsk } from './notify.ts'
import type { Todo } from './todos.ts'

interface Props {
  readonly engine: TodoEngine
  readonly todo: Readonly<Todo>
}

/** Shows under the title when a todo is due, and lets the person set it. */
export function DueDate({ engine, todo }: Props) {
  const [isOpen, setOpen] = useState(false)
  const button = useRef<HTMLButtonElement>(null)
  const wasOpen = useRef(false)
  useEffect(() => {
    // The field that had the focus was removed.
    if (wasOpen.current && !isOpen) button.current?.focus()
    wasOpen.current = isOpen
  }, [isOpen])
  const { title, due, completed } = todo
  if (isOpen && !completed) return <DueEditor engine={engine} todo={todo} close={() => setOpen(false)} />
  if (completed) return due === null ? null : <p className="due">Was due {describeDate(due)}</p>
  return (
    <button
      ref={button}
      type="button"
      className={due === null ? 'due due-none' : 'due'}
      aria-label={due === null ? `Set a due date for ${title}` : `Due ${describeDate(due)}: change it for ${title}`}
      onClick={() => setOpen(true)}
    >
      {due === null ? 'Remind me' : `Due ${describeDate(due)}`}
    </button>
  )
}

function DueEditor({ engine, todo: { id, title, due }, close }: Props & { readonly close: () => void }) {
  const field = useId()
  const [value, setValue] = useState(() => toLocal(due ?? nextHour()))
  const [asks, setAsks] = useState(canAsk)
  const input = useRef<HTMLInputElement>(null)
  useEffect(() => input.current?.focus(), [])
  const save = (event: FormEvent): void => {
    event.preventDefault()
    engine.dispatch.setDue({ id, due: fromLocal(value) })
    close()
  }
  return (
    <form
      className="due-editor"
      aria-label={`When ${title} is due`}
      onSubmit={save}
      onKeyDown={(pressed) => pressed.key === 'Escape' && close()}
    >
      <label htmlFor={field}>Due</label>
      <input
        id={field}
        ref={input}
        type="datetime-local"
        required
        value={value}
        onChange={(change) => setValue(change.target.value)}
      />
      <button type="submit" className="button button-main">
        Set
      </button>
      {due !== null && (
        <button
          type="button"
          className="button"
          onClick={() => {
            engine.dispatch.clearDue({ id })
            close()
          }}
        >
          No date
        </button>
      )}
      <button type="button" className="button" onClick={close}>
        Cancel
      </button>
      {asks && (
        <button type="button" className="button" onClick={() => askToNotify().finally(() => setAsks(canAsk()))}>
          Allow notifications too
        </button>
      )}
    </form>
  )
}
