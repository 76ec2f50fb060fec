import { type FormEvent, StrictMode, useState } from 'react'
import { createRoot } from 'react-dom/client'
import { openEngine } from 'tidemark'
import { EngineProvider, useEngine, useRead, useUndo } from 'tidemark/react'
import { type UndoStack, undoStack } from 'tidemark/tools'
import { inverses, messageOf, shopping } from './shopping.ts'

function App({ stack }: { stack: UndoStack }) {
  const engine = useEngine(shopping)
  const items = useRead(engine, (read) => read.items.all())
  const { undo, canUndo } = useUndo(stack)
  const [message, setMessage] = useState('')

  const add = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault()
    const form = event.currentTarget
    try {
      await engine.dispatch.add({ name: String(new FormData(form).get('name')) })
      form.reset()
      setMessage('')
    } catch (error) {
      setMessage(messageOf(error))
    }
  }

  return (
    <>
      <h1>Shopping</h1>
      <form onSubmit={add}>
        <input name="name" aria-label="Item" /> <button type="submit">Add</button>
      </form>
      <p role="status">{message}</p>
      <ul>
        {items.map(({ id, name, bought }) => (
          <li key={id}>
            <label>
              <input
                type="checkbox"
                checked={bought}
                onChange={() => engine.dispatch.setBought({ id, bought: !bought })}
              />{' '}
              <span>{name}</span>
            </label>
            <button type="button" aria-label={`Remove ${name}`} onClick={() => engine.dispatch.remove({ id })}>
              ×
            </button>
          </li>
        ))}
      </ul>
      <button type="button" disabled={!canUndo} onClick={() => undo()}>
        Undo
      </button>
    </>
  )
}

// The engine is opened once, before the first render. All rows are there when its promise resolves.
openEngine(shopping, {
  worker: () => new SharedWorker(new URL('./shopping.worker.ts', import.meta.url), { type: 'module' }),
}).then((engine) => {
  const stack = undoStack(engine, inverses)
  createRoot(document.getElementById('root')!).render(
    <StrictMode>
      <EngineProvider engine={engine}>
        <App stack={stack} />
      </EngineProvider>
    </StrictMode>,
  )
})
