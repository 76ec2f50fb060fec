import { useEffect, useState, useSyncExternalStore } from 'react'
import { CommandRejected } from 'tidemark'
import type { TodoUndo } from './undoTodos.ts'

const isText = (target: EventTarget | null): boolean =>
  target instanceof HTMLInputElement && target.type === 'text' && (target.value !== '' || target.className === 'edit')

/** Buttons for undo and redo, which keep the focus when no step is left. Ctrl+Z and Ctrl+Shift+Z work everywhere except in a text field with text. */
export function UndoBar({ undo }: { readonly undo: TodoUndo }) {
  const canUndo = useSyncExternalStore(undo.subscribe, () => undo.canUndo)
  const canRedo = useSyncExternalStore(undo.subscribe, () => undo.canRedo)
  const [note, setNote] = useState('')

  const run = async (which: 'undo' | 'redo'): Promise<void> => {
    if (which === 'undo' ? !canUndo : !canRedo) return
    setNote('')
    try {
      await undo[which]()
    } catch (error) {
      if (!(error instanceof CommandRejected)) throw error
      setNote(
        error.code === 'undo-conflict'
          ? 'Nothing was changed: another tab has changed this todo since.'
          : 'There is nothing left to undo or redo.',
      )
    }
  }

  useEffect(() => {
    const pressed = (event: KeyboardEvent): void => {
      const key = event.key.toLowerCase()
      const which = key === 'y' || (key === 'z' && event.shiftKey) ? 'redo' : key === 'z' ? 'undo' : undefined
      if (!which || !(event.ctrlKey || event.metaKey) || event.altKey || isText(event.target)) return
      event.preventDefault()
      run(which)
    }
    addEventListener('keydown', pressed)
    return () => removeEventListener('keydown', pressed)
  })

  return (
    <div className="undo">
      <button
        type="button"
        className="button"
        aria-disabled={!canUndo}
        aria-keyshortcuts="Control+Z Meta+Z"
        title="Ctrl+Z"
        onClick={() => run('undo')}
      >
        Undo
      </button>
      <button
        type="button"
        className="button"
        aria-disabled={!canRedo}
        aria-keyshortcuts="Control+Shift+Z Meta+Shift+Z"
        title="Ctrl+Shift+Z"
        onClick={() => run('redo')}
      >
        Redo
      </button>
      <p role="status">{note}</p>
    </div>
  )
}
