import { type FormEvent, useState } from 'react'
import { createRoot } from 'react-dom/client'
import { EngineProvider, useEngine, useRead, useUndo } from 'tidemark/react'
import { messageOf, openShopping, undoShopping } from './open.ts'
import { shopping } from './shopping.ts'

function App({ stack }: { stack: ReturnType<typeof undoShopping> }) {
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

openShopping().then((engine) => {
  createRoot(document.getElementById('app')!).render(
    <EngineProvider engine={engine}>
      <App stack={undoShopping(engine)} />
    </EngineProvider>,
  )
})
