import { memo, useMemo, useState } from 'react'
import { useRead } from 'tidemark/react'
import { count } from '../../ui/format.ts'
import type { ThreadsEngine } from '../engine.ts'
import type { Project, Thread } from '../model/threads.ts'
import type { DialogName } from './App.tsx'
import { Icon } from './Icon.tsx'
import { ago, exactly } from './times.ts'
import { useNow } from './useNow.ts'
import { type Route, toProject, toThread } from './useRoute.ts'

/** The number of closed threads that are listed at first, and that each press of the button adds. */
const LISTED = 30

interface Props {
  readonly engine: ThreadsEngine
  readonly route: Route
  readonly open: (dialog: DialogName) => void
}

export function Sidebar({ engine, route, open }: Props) {
  const projects = useRead(engine, (read) => read.projects.all())
  const url = useRead(engine, (read) => read.settings.value.url)
  const model = useRead(engine, (read) => read.settings.value.model)
  const now = useNow(30_000)
  return (
    <div className="sidebar">
      <div className="sidebar-head">
        <p className="brand">Threads</p>
        <button type="button" className="plain" aria-keyshortcuts="Control+K Meta+K" onClick={() => open('search')}>
          <Icon name="search" /> Find <kbd>Ctrl K</kbd>
        </button>
      </div>
      <nav className="sidebar-list" aria-label="Projects and threads">
        {projects.map((project) => (
          <ProjectThreads key={project.id} engine={engine} project={project} route={route} now={now} />
        ))}
        {projects.length === 0 && <p className="quiet sidebar-empty">No projects yet.</p>}
      </nav>
      <div className="sidebar-foot">
        <button type="button" className="plain" onClick={() => open('project')}>
          <Icon name="plus" /> New project
        </button>
        <button type="button" className="plain" onClick={() => open('assistant')}>
          <Icon name="spark" /> Assistant: {url === null ? 'built in' : model}
        </button>
      </div>
    </div>
  )
}

interface ProjectProps {
  readonly engine: ThreadsEngine
  readonly project: Readonly<Project>
  readonly route: Route
  readonly now: number
}

const byTime = (threads: readonly Readonly<Thread>[], closed: boolean): readonly Readonly<Thread>[] =>
  threads.filter((thread) => thread.closed === closed).toSorted((a, b) => b.updated - a.updated)

function ProjectThreads({ engine, project, route, now }: ProjectProps) {
  const threads = useRead(engine, (read) => read.threads.by('projectId', project.id))
  const open = useMemo(() => byTime(threads, false), [threads])
  const closed = threads.length - open.length
  return (
    <section className="project" aria-label={project.name}>
      <div className="project-head">
        <h2>
          <a href={toProject(project.id)} aria-current={route.projectId === project.id ? 'page' : undefined}>
            {project.name}
          </a>
        </h2>
        <a className="plain" href={toProject(project.id)} aria-label={`New thread in ${project.name}`}>
          <Icon name="plus" />
        </a>
      </div>
      <ul>
        {open.map((thread) => (
          <ThreadItem key={thread.id} thread={thread} here={thread.id === route.threadId} now={now} />
        ))}
      </ul>
      {closed > 0 && <Closed threads={threads} total={closed} here={route.threadId} now={now} />}
    </section>
  )
}

/** The list of closed threads. Its content is rendered only while it is open. */
function Closed({
  threads,
  total,
  here,
  now,
}: {
  readonly threads: readonly Readonly<Thread>[]
  readonly total: number
  readonly here: string | undefined
  readonly now: number
}) {
  const [shown, setShown] = useState(0)
  const list = useMemo(() => (shown > 0 ? byTime(threads, true).slice(0, shown) : []), [threads, shown])
  return (
    <details
      className="closed"
      onToggle={({ currentTarget: { open } }) => setShown(open ? Math.max(shown, LISTED) : 0)}
    >
      <summary>Done · {count(total)}</summary>
      <ul>
        {list.map((thread) => (
          <ThreadItem key={thread.id} thread={thread} here={thread.id === here} now={now} />
        ))}
      </ul>
      {shown > 0 && shown < total && (
        <button type="button" className="plain" onClick={() => setShown(shown + LISTED)}>
          Show {Math.min(LISTED, total - shown)} more
        </button>
      )}
    </details>
  )
}

const states = {
  waiting: 'needs your approval',
  working: 'working',
  failed: 'failed',
  unread: 'unread',
  read: '',
} as const

export function stateOf(thread: Readonly<Thread>): keyof typeof states {
  if (thread.waiting) return 'waiting'
  if (thread.running > 0) return 'working'
  if (thread.seen >= thread.answered) return 'read'
  return thread.ended === 'failed' || thread.ended === 'interrupted' ? 'failed' : 'unread'
}

const ThreadItem = memo(function ThreadItem({
  thread,
  here,
  now,
}: {
  readonly thread: Readonly<Thread>
  readonly here: boolean
  readonly now: number
}) {
  const state = stateOf(thread)
  return (
    <li>
      <a className="thread-item" href={toThread(thread.id)} data-state={state} aria-current={here ? 'page' : undefined}>
        <span className="thread-dot" aria-hidden="true" />
        <span className="thread-title">{thread.title}</span>
        {states[state] && <span className="visually-hidden">, {states[state]}</span>}
        <time dateTime={new Date(thread.updated).toISOString()} title={exactly(thread.updated)}>
          {ago(thread.updated, now)}
        </time>
      </a>
    </li>
  )
})
