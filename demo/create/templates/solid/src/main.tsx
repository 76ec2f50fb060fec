import { createSignal, For } from 'solid-js'
import { render } from 'solid-js/web'
import { type EngineOf, openEngine } from 'tidemark'
import { createRead } from 'tidemark/solid'
import { undoStack } from 'tidemark/tools'
import { inverses, messageOf, shopping } from './shopping.ts'

function App({ engine }: { engine: EngineOf<typeof shopping> }) {
  const items = createRead(engine, (read) => read.items.all())
  const stack = undoStack(engine, inverses)
  const [canUndo, setCanUndo] = createSignal(stack.canUndo)
  stack.subscribe(() => setCanUndo(stack.canUndo))
  const [message, setMessage] = createSignal('')

  const add = async (event: SubmitEvent) => {
    event.preventDefault()
    const form = event.currentTarget as HTMLFormElement
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
      <p role="status">{message()}</p>
      <ul>
        <For each={items()}>
          {({ id, name, bought }) => (
            <li>
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
          )}
        </For>
      </ul>
      <button type="button" disabled={!canUndo()} onClick={() => stack.undo()}>
        Undo
      </button>
    </>
  )
}

// The engine is opened once, before the first render. All rows are there when its promise resolves.
openEngine(shopping, {
  worker: () => new SharedWorker(new URL('./shopping.worker.ts', import.meta.url), { type: 'module' }),
}).then((engine) => render(() => <App engine={engine} />, document.getElementById('root')!))
