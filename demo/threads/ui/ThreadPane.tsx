import { type FormEvent, useEffect, useRef, useState } from 'react'
import { describeError } from '../../ui/describeError.ts'
import type { ThreadsEngine } from '../engine.ts'
import type { Project, Thread } from '../model/threads.ts'
import { isRunning } from '../model/turns.ts'
import { Composer } from './Composer.tsx'
import { Icon } from './Icon.tsx'
import { stopTurn } from './stopTurn.ts'
import { TurnView } from './TurnView.tsx'
import { toFiles, toProject, toThread } from './useRoute.ts'
import { useTranscript } from './useTranscript.ts'

interface Props {
  readonly engine: ThreadsEngine
  readonly thread: Readonly<Thread>
  readonly project: Readonly<Project>
  /** The turn whose changes are shown next to the thread. */
  readonly turn: number | undefined
}

export function ThreadPane({ engine, thread, project, turn: shown }: Props) {
  const { turns, state, error } = useTranscript(engine, thread)
  const { list, toEnd } = useFollowedEnd(turns.length > 0)
  useSeen(engine, thread)
  const running = turns.find(isRunning)
  const send = async (prompt: string): Promise<void> => {
    toEnd()
    await engine.dispatch.requestTurn({ threadId: thread.id, prompt })
  }
  return (
    <section className="talk" aria-label="Thread">
      <ThreadHead engine={engine} thread={thread} project={project} />
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: the keyboard scrolls it */}
      <div className="turns" ref={list} tabIndex={0} role="log" aria-label="Turns">
        {state === 'loading' && <p className="quiet turns-note">Reading the turns of this thread…</p>}
        {state === 'failed' && (
          <p className="turns-note" role="alert">
            The turns of this thread could not be read: {describeError(error)}. Reload to try again.
          </p>
        )}
        <ol>
          {turns.map((turn, at) => (
            <TurnView
              key={turn.id}
              engine={engine}
              turn={turn}
              shown={shown === at + 1}
              retry={at === turns.length - 1 ? () => send(turn.prompt) : undefined}
            />
          ))}
        </ol>
      </div>
      <Composer
        send={send}
        stop={running && (() => stopTurn(engine, running.id))}
        label={thread.closed ? 'Ask to open the thread again' : 'Ask for a change'}
      />
    </section>
  )
}

function ThreadHead({ engine, thread, project }: Omit<Props, 'turn'>) {
  const [editing, setEditing] = useState(false)
  const [title, setTitle] = useState(thread.title)
  const save = (event: FormEvent): void => {
    event.preventDefault()
    engine.dispatch.renameThread({ id: thread.id, title })
    setEditing(false)
  }
  return (
    <header className="pane-head">
      <a className="plain narrow" href="#/" aria-label="All threads">
        <Icon name="back" />
      </a>
      {editing ? (
        <form className="rename" onSubmit={save}>
          <input
            // biome-ignore lint/a11y/noAutofocus: the person pressed the button that this input replaces
            autoFocus
            aria-label="Title of the thread"
            value={title}
            maxLength={80}
            onChange={(change) => setTitle(change.target.value)}
            onBlur={save}
            onKeyDown={(pressed) => {
              if (pressed.key === 'Escape') setEditing(false)
            }}
          />
        </form>
      ) : (
        <div className="pane-title">
          <h2>{thread.title}</h2>
          <p>
            <a href={toProject(project.id)}>{project.name}</a>
            {thread.closed && <span className="tag">done</span>}
          </p>
        </div>
      )}
      {!editing && (
        <button
          type="button"
          className="plain wide"
          onClick={() => {
            setTitle(thread.title)
            setEditing(true)
          }}
        >
          Rename
        </button>
      )}
      {thread.closed ? (
        <button type="button" className="plain" onClick={() => engine.dispatch.reopenThread({ id: thread.id })}>
          Open again
        </button>
      ) : (
        <button
          type="button"
          className="plain"
          disabled={thread.running > 0}
          title={thread.running > 0 ? 'A turn is running' : 'Moves the thread out of the list and out of memory'}
          onClick={() => engine.dispatch.closeThread({ id: thread.id })}
        >
          <Icon name="done" /> Done
        </button>
      )}
      <a className="plain narrow" href={toFiles(toThread(thread.id))}>
        <Icon name="files" /> Files
      </a>
    </header>
  )
}

/** A thread that is visible counts as read, in every tab. */
function useSeen(engine: ThreadsEngine, { id, answered, seen }: Readonly<Thread>): void {
  useEffect(() => {
    if (seen >= answered) return
    const see = (): void => {
      // Another tab may dispatch this first. If the log can't be written, the status line says so.
      if (document.visibilityState === 'visible') engine.dispatch.seeThread({ id }).catch(() => {})
    }
    see()
    document.addEventListener('visibilitychange', see)
    return () => document.removeEventListener('visibilitychange', see)
  }, [engine, id, answered, seen])
}

/** Within this many pixels of its end, the list counts as scrolled to the end. */
const NEAR_END = 80

/** Keeps the end in view while the thread grows, until the person scrolls away. `toEnd` scrolls back. */
function useFollowedEnd(filled: boolean) {
  const list = useRef<HTMLDivElement>(null)
  const isAtEnd = useRef(true)
  useEffect(() => {
    const element = list.current
    if (!element || !filled) return
    const scrollIfAtEnd = (): void => {
      if (isAtEnd.current) element.scrollTop = element.scrollHeight
    }
    let last = element.scrollTop
    const scrolled = (): void => {
      const { scrollTop, scrollHeight, clientHeight } = element
      if (scrollHeight - scrollTop - clientHeight < NEAR_END) isAtEnd.current = true
      // Only scrolling up counts. A larger distance may also come from new text below.
      else if (scrollTop < last) isAtEnd.current = false
      last = scrollTop
    }
    const observer = new ResizeObserver(scrollIfAtEnd)
    observer.observe(element)
    if (element.lastElementChild) observer.observe(element.lastElementChild)
    element.addEventListener('scroll', scrolled, { passive: true })
    scrollIfAtEnd()
    return () => {
      observer.disconnect()
      element.removeEventListener('scroll', scrolled)
    }
  }, [filled])
  const toEnd = (): void => {
    isAtEnd.current = true
    list.current?.scrollTo({ top: list.current.scrollHeight })
  }
  return { list, toEnd }
}
