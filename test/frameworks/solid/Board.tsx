/** @jsxImportSource solid-js */
import { createSignal, For, Show } from 'solid-js'
import { CommandRejected, type EngineOf } from 'tidemark'
import { createRead } from 'tidemark/solid'
import { type boardApp, type Card, type Column, columns, MOST_AT_ONCE } from './board.ts'

interface Props {
  engine: EngineOf<typeof boardApp>
}

export function Board(props: Props) {
  const [problem, setProblem] = createSignal('')
  const add = (submitted: SubmitEvent & { currentTarget: HTMLFormElement }) => {
    submitted.preventDefault()
    const form = submitted.currentTarget
    props.engine.dispatch.add({ title: String(new FormData(form).get('title')).trim() })
    form.reset()
  }
  const move = async (id: string, column: Column) => {
    setProblem('')
    try {
      await props.engine.dispatch.move({ id, column })
    } catch (error) {
      if (!(error instanceof CommandRejected)) throw error
      setProblem(`Finish something first: ${MOST_AT_ONCE} cards at once are enough.`)
    }
  }
  return (
    <main>
      <h1>Board</h1>
      <form onSubmit={add}>
        <label>
          Card <input name="title" required autocomplete="off" />
        </label>
        <button type="submit">Add</button>
      </form>
      <Show when={problem()}>
        <p role="alert">{problem()}</p>
      </Show>
      <For each={columns}>{(column) => <Lane engine={props.engine} column={column} move={move} />}</For>
    </main>
  )
}

function Lane(props: Props & { column: Column; move: (id: string, column: Column) => void }) {
  // A card that did not change is the same object, so `<For>` keeps its element.
  const cards = createRead(
    () => props.engine,
    (read) => read.cards.by('column', props.column),
  )
  return (
    <section aria-label={props.column}>
      <h2>
        {props.column} ({cards().length})
      </h2>
      <ul>
        <For each={cards()}>
          {(card: Card) => (
            <li>
              {card.title}{' '}
              <For each={columns.filter((column) => column !== card.column)}>
                {(column) => (
                  <button type="button" onClick={() => props.move(card.id, column)}>
                    {column}
                  </button>
                )}
              </For>
            </li>
          )}
        </For>
      </ul>
    </section>
  )
}
