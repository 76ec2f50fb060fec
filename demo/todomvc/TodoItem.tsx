import { type MouseEvent, memo, useEffect, useRef, useState } from 'react'
import { DueDate } from './DueDate.tsx'
import type { TodoEngine } from './engine.ts'
import type { Todo } from './todos.ts'

interface Props {
  readonly engine: TodoEngine
  readonly todo: Readonly<Todo>
}

/** A row that did not change is the same object, so `memo` skips it. */
export const TodoItem = memo(function TodoItem({ engine, todo }: Props) {
  const [editing, setEditing] = useState(false)
  const toggle = useRef<HTMLInputElement>(null)
  const byKey = useRef(false)
  useEffect(() => {
    // The input that had the focus was removed, so the keyboard would begin at the top of the page.
    if (!editing && byKey.current) toggle.current?.focus()
    byKey.current = false
  }, [editing])
  const { id, title, completed } = todo
  const classes = [completed && 'completed', editing && 'editing'].filter(Boolean).join(' ')
  const toggleId = `toggle-${id}`

  return (
    <li className={classes} data-id={id}>
      <div className="view">
        <input
          id={toggleId}
          className="toggle"
          ref={toggle}
          type="checkbox"
          checked={completed}
          aria-label={`Complete ${title}`}
          onChange={(change) => engine.dispatch.mark({ id, completed: change.target.checked })}
        />
        {/* biome-ignore lint/a11y/noLabelWithoutControl: TodoMVC's label is the text that a double click edits, not a larger checkbox */}
        <label onDoubleClick={() => setEditing(true)}>{title}</label>
        <button type="button" className="edit-button" aria-label={`Edit ${title}`} onClick={() => setEditing(true)} />
        <button
          type="button"
          className="destroy"
          aria-label={`Remove ${title}`}
          onClick={(click) => {
            focusNeighbour(click)
            engine.dispatch.remove({ id })
          }}
        />
      </div>
      {!editing && <DueDate engine={engine} todo={todo} />}
      {editing && (
        <TitleEditor
          title={title}
          onSave={(next, key) => {
            byKey.current = key
            setEditing(false)
            engine.dispatch.rename({ id, title: next })
          }}
          onCancel={() => {
            byKey.current = true
            setEditing(false)
          }}
        />
      )}
    </li>
  )
})

interface EditorProps {
  readonly title: string
  /** `byKey`: a key ended the edit, so no other element has the focus. */
  readonly onSave: (title: string, byKey: boolean) => void
  readonly onCancel: () => void
}

function TitleEditor({ title, onSave, onCancel }: EditorProps) {
  const [draft, setDraft] = useState(title)
  const hasEnded = useRef(false)
  /** Ends the edit only once: a browser may send blur when Enter or Escape removes the focused input. */
  const leave = (save: boolean, byKey = true): void => {
    if (hasEnded.current) return
    hasEnded.current = true
    if (save) onSave(draft, byKey)
    else onCancel()
  }
  return (
    <input
      className="edit"
      aria-label={`New title of ${title}`}
      ref={focusAtEnd}
      value={draft}
      onChange={(change) => setDraft(change.target.value)}
      onBlur={() => leave(true, false)}
      onKeyDown={(pressed) => {
        if (pressed.nativeEvent.isComposing) return
        if (pressed.key === 'Enter') leave(true)
        else if (pressed.key === 'Escape') leave(false)
      }}
    />
  )
}

/** Moves the focus before the row is removed: to the next row, the one before, or the input of a new todo. */
function focusNeighbour({ currentTarget }: MouseEvent): void {
  const row = currentTarget.closest('li')
  const other = row?.nextElementSibling ?? row?.previousElementSibling
  const input =
    other?.querySelector<HTMLInputElement>('.toggle') ?? document.querySelector<HTMLInputElement>('.new-todo')
  input?.focus()
}

const focusAtEnd = (input: HTMLInputElement | null): void => {
  input?.focus()
  input?.setSelectionRange(input.value.length, input.value.length)
}
