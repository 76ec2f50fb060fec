import { type KeyboardEvent, useEffect, useId, useRef, useState } from 'react'
import type { ThreadsEngine } from '../engine.ts'
import { type FoundTurn, searchTurns } from '../history/searchTurns.ts'
import { numberOf } from '../model/ids.ts'
import type { DialogName } from './App.tsx'
import { Dialog } from './Dialog.tsx'
import { go, toProject, toThread, toTurn, useRoute } from './useRoute.ts'

/** The most titles and turns in the results. */
const LISTED = { titles: 8, turns: 40 } as const
/** Milliseconds after a key before the disk is searched. */
const PAUSE_MS = 120
/** Milliseconds between two updates of the results. */
const SHOW_MS = 50

interface Option {
  readonly id: string
  readonly kind: 'action' | 'thread' | 'turn'
  readonly title: string
  readonly excerpt?: FoundTurn['excerpt']
  readonly run: () => void
}
interface Props {
  readonly engine: ThreadsEngine
  readonly close: () => void
  readonly open: (dialog: DialogName) => void
}

/** One field for commands, for threads by title, and for the messages of all threads. */
export function SearchDialog({ engine, close, open }: Props) {
  const [query, setQuery] = useState('')
  const [at, setAt] = useState(0)
  const list = useId()
  const { found, state, share } = useFoundTurns(engine, query)
  const options = [
    ...useActions(engine, query, open),
    ...titlesLike(engine, query),
    ...found.map((one) => asOption(engine, one)),
  ]
  const chosen = options[Math.min(at, options.length - 1)]
  const run = (option: Option | undefined): void => {
    if (!option) return
    close()
    option.run()
  }
  const pressed = (event: KeyboardEvent): void => {
    if (event.nativeEvent.isComposing) return
    const by = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0
    if (by !== 0) {
      event.preventDefault()
      setAt((Math.min(at, options.length - 1) + by + options.length) % Math.max(1, options.length))
    } else if (event.key === 'Enter') {
      event.preventDefault()
      run(chosen)
    }
  }
  return (
    <Dialog title="Find threads, messages and commands" close={close} bare>
      <input
        className="find"
        role="combobox"
        aria-label="Find threads, messages and commands"
        aria-expanded="true"
        aria-controls={list}
        aria-activedescendant={chosen && `${list}${chosen.id}`}
        placeholder="Find a thread, a message or a command"
        value={query}
        onChange={(change) => {
          setQuery(change.target.value)
          setAt(0)
        }}
        onKeyDown={pressed}
      />
      <p className="find-note" role="status">
        {state === 'searching' && 'Searching…'}
        {state === 'done' && (options.length === 0 ? 'Nothing was found.' : `${options.length} found`)}
        {state === 'more' && `The newest ${LISTED.turns} messages; there are more`}
        {state === 'failed' && 'The messages on disk could not be searched.'}
      </p>
      <progress className="find-progress" data-shown={state === 'searching'} value={share} aria-label="Searched" />
      <div className="found" role="listbox" id={list} aria-label="Found">
        {options.map((option) => (
          <FoundOption
            key={option.id}
            id={`${list}${option.id}`}
            option={option}
            chosen={option === chosen}
            run={run}
          />
        ))}
      </div>
    </Dialog>
  )
}

function FoundOption({
  id,
  option,
  chosen,
  run,
}: {
  readonly id: string
  readonly option: Option
  readonly chosen: boolean
  readonly run: (option: Option) => void
}) {
  const element = useRef<HTMLDivElement>(null)
  useEffect(() => {
    if (chosen) element.current?.scrollIntoView({ block: 'nearest' })
  }, [chosen])
  const [before, word, after] = option.excerpt ?? []
  return (
    // biome-ignore lint/a11y/useFocusableInteractive: the field keeps the focus, and names the option that is chosen
    // biome-ignore lint/a11y/useKeyWithClickEvents: the field handles the keys
    <div ref={element} id={id} role="option" aria-selected={chosen} onClick={() => run(option)}>
      <span className="found-title">{option.title}</span>
      {word !== undefined && (
        <span className="found-excerpt">
          {before}
          <mark>{word}</mark>
          {after}
        </span>
      )}
    </div>
  )
}

const has = (text: string, query: string): boolean =>
  query
    .toLowerCase()
    .split(/\s+/)
    .every((word) => text.toLowerCase().includes(word))

function useActions(engine: ThreadsEngine, query: string, open: (dialog: DialogName) => void): readonly Option[] {
  const route = useRoute()
  const thread = route.threadId ? engine.read.threads.get(route.threadId) : undefined
  const project = thread?.projectId ?? route.projectId
  const action = (title: string, run: () => void): Option => ({ id: `do-${title}`, kind: 'action', title, run })
  const actions = [
    ...(project ? [action('New thread', () => go(toProject(project)))] : []),
    ...(thread && !thread.closed && thread.running === 0
      ? [action('Mark this thread as done', () => void engine.dispatch.closeThread({ id: thread.id }))]
      : []),
    action('New project', () => open('project')),
    action('Choose the assistant', () => open('assistant')),
    action('Fill with threads', () => open('generate')),
  ]
  return actions.filter(({ title }) => has(title, query))
}

const titlesLike = (engine: ThreadsEngine, query: string): readonly Option[] =>
  (query.trim()
    ? engine.read.threads.all().filter(({ title }) => has(title, query))
    : engine.read.threads.by('closed', false)
  )
    .toSorted((a, b) => b.updated - a.updated)
    .slice(0, LISTED.titles)
    .map(({ id, title }) => ({ id: `thread-${id}`, kind: 'thread', title, run: () => go(toThread(id)) }))

const asOption = (engine: ThreadsEngine, { turn, excerpt }: FoundTurn): Option => ({
  id: `turn-${turn.id}`,
  kind: 'turn',
  title: engine.read.threads.get(turn.threadId)?.title ?? 'A thread',
  excerpt,
  run: () => go(turn.touched.length > 0 ? toTurn(turn.threadId, numberOf(turn.id)) : toThread(turn.threadId)),
})

type SearchState = 'idle' | 'searching' | 'done' | 'more' | 'failed'

interface Search {
  readonly found: readonly FoundTurn[]
  readonly state: SearchState
  /** The share of the past that was searched, from 0 to 1. */
  readonly share: number
}
const idle: Search = { found: [], state: 'idle', share: 0 }

/** Searches the turns. Another query ends the search, and so does closing the dialog. */
function useFoundTurns(engine: ThreadsEngine, query: string): Search {
  const [result, setResult] = useState(idle)
  useEffect(() => {
    if (query.trim().length < 2) return setResult(idle)
    const controller = new AbortController()
    const { signal } = controller
    const search = async (): Promise<void> => {
      const found: FoundTurn[] = []
      let shown = 0
      let share = 0
      // Results are shown soon, but not one by one.
      const show = (): void => {
        if (performance.now() - shown < SHOW_MS || signal.aborted) return
        shown = performance.now()
        setResult({ found: [...found], state: 'searching', share })
      }
      const onProgress = (searched: number): void => {
        share = searched
        show()
      }
      try {
        for await (const one of searchTurns(engine, query, { signal, onProgress })) {
          if (signal.aborted) return
          found.push(one)
          if (found.length >= LISTED.turns) return setResult({ found, state: 'more', share })
          show()
        }
        if (!signal.aborted) setResult({ found, state: 'done', share: 1 })
      } catch {
        if (!signal.aborted) setResult({ found, state: 'failed', share })
      }
    }
    setResult(({ found }) => ({ found, state: 'searching', share: 0 }))
    const timer = setTimeout(search, PAUSE_MS)
    return () => {
      clearTimeout(timer)
      controller.abort()
    }
  }, [engine, query])
  return result
}
