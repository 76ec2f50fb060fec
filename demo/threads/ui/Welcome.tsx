import type { ThreadsEngine } from '../engine.ts'
import { topics } from '../history/topics.ts'
import type { DialogName } from './App.tsx'
import { go, toProject } from './useRoute.ts'

interface Props {
  readonly engine: ThreadsEngine
  readonly open: (dialog: DialogName) => void
  /** Whether the address names a thread or project that is not in this log. */
  readonly lost: boolean
}

const [example] = topics

export function Welcome({ engine, open, lost }: Props) {
  const createExample = (): void => {
    const { id, name, files } = example!
    engine.dispatch.createProject({ id, name, files: [...files] })
    go(toProject(id))
  }
  return (
    <section className="welcome" aria-labelledby="welcome-title">
      <h2 id="welcome-title">{lost ? 'This thread or project is not in this browser' : 'Ask, and the files change'}</h2>
      {lost ? (
        <p>The address leads to one in another browser, or to one that was deleted. Choose one from the list.</p>
      ) : (
        <p>
          A project is a folder of text files in this browser. You ask in a thread, and an assistant works on the files.
          You can look at every turn, compare it and revert it. Close all tabs in the middle: nothing is lost, and an
          interrupted turn says so.
        </p>
      )}
      <p className="welcome-ways">
        <button type="button" className="button button-main" onClick={createExample}>
          Begin with an example
        </button>
        <button type="button" className="button" onClick={() => open('project')}>
          New project
        </button>
        <button type="button" className="button" onClick={() => open('generate')}>
          Fill with threads
        </button>
      </p>
      <p className="quiet">
        The built-in assistant needs no network and understands plain requests. You can name a language model instead.
        Everything stays in this browser.
      </p>
    </section>
  )
}
