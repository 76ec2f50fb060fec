import { memo, useRef, useState } from 'react'
import type { TodoEngine } from './engine.ts'
import type { Todo } from './todos.ts'

interface Props {
  readonly engine: TodoEngine
  readonly todo: Readonly<Todo>
}

/** A row that did not change is the same object, so `memo` skips it. */
export const TodoItem = memo(function TodoItem({ engine, todo }: Props) {
  const [editing, setEditing] = useState(false)
  const { id, title, completed } = todo
  const classes = [completed && 'completed', editing && 'editing'].filter(Boolean).join(' ')
  const toggleId = `toggle-${id}`

  return (
    <li className={classes} data-id={id}>
      <div className="view">
        <input
          id={toggleId}
          className="toggle"
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
          onClick={() => engine.dispatch.remove({ id })}
        />
      </div>
      {editing && (
        <TitleEditor
          title={title}
          onSave={(next) => {
            setEditing(false)
            engine.dispatch.rename({ id, title: next })
          }}
          onCancel={() => setEditing(false)}
        />
      )}
    </li>
  )
})

interface EditorProps {
  readonly title: string
  readonly onSave: (title: string) => void
  readonly onCancel: () => void
}

function TitleEditor({ title, onSave, onCancel }: EditorProps) {
  const [draft, setDraft] = useState(title)
  const left = useRef(false)
  /** Once: a browser may say blur when Enter or Escape takes the focused input away. */
  const leave = (save: boolean): void => {
    if (left.current) return
    left.current = true
    if (save) onSave(draft)
    else onCancel()
  }
  return (
    <input
      className="edit"
      aria-label={`New title of ${title}`}
      ref={focusAtEnd}
      value={draft}
      onChange={(change) => setDraft(change.target.value)}
      onBlur={() => leave(true)}
      onKeyDown={(pressed) => {
        if (pressed.nativeEvent.isComposing) return
        if (pressed.key === 'Enter') leave(true)
        else if (pressed.key === 'Escape') leave(false)
      }}
    />
  )
}

const focusAtEnd = (input: HTMLInputElement | null): void => {
  input?.focus()
  input?.setSelectionRange(input.value.length, input.value.length)
}
