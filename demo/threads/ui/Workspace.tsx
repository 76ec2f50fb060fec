import { useMemo, useState } from 'react'
import { useRead } from 'tidemark/react'
import { plural } from '../../ui/format.ts'
import type { ThreadsEngine } from '../engine.ts'
import { turnId } from '../model/ids.ts'
import type { Project, Thread } from '../model/threads.ts'
import { filesOf } from '../model/threadsApp.ts'
import { FileEditor } from './FileEditor.tsx'
import { Icon } from './Icon.tsx'
import { TurnFiles } from './TurnFiles.tsx'
import { toProject, toThread } from './useRoute.ts'

interface Props {
  readonly engine: ThreadsEngine
  readonly project: Readonly<Project>
  readonly thread: Readonly<Thread> | undefined
  /** The turn whose changes are shown. Without it, the present files are shown. */
  readonly turn: number | undefined
}

export function Workspace({ engine, project, thread, turn }: Props) {
  const back = thread ? toThread(thread.id) : toProject(project.id)
  return (
    <section className="workspace" aria-label="Workspace">
      {thread && turn ? (
        <TurnFiles key={turnId(thread.id, turn)} engine={engine} thread={thread} number={turn} back={back} />
      ) : (
        <FilesNow engine={engine} project={project} back={back} />
      )}
    </section>
  )
}

function FilesNow({
  engine,
  project,
  back,
}: {
  readonly engine: ThreadsEngine
  readonly project: Readonly<Project>
  readonly back: string
}) {
  const rows = useRead(engine, (read) => read.files.by('projectId', project.id))
  const files = useMemo(() => filesOf({ files: { by: () => rows } as never }, project.id), [rows, project.id])
  const [path, setPath] = useState<string>()
  const [isNew, setIsNew] = useState(false)
  const text = path === undefined ? undefined : files.get(path)
  if (isNew || (path !== undefined && text !== undefined)) {
    const leave = (saved?: string): void => {
      setIsNew(false)
      setPath(saved)
    }
    return (
      <FileEditor
        key={path}
        engine={engine}
        projectId={project.id}
        path={isNew ? undefined : path}
        text={isNew ? '' : text!}
        leave={leave}
      />
    )
  }
  return (
    <>
      <header className="pane-head">
        <a className="plain narrow" href={back} aria-label="Back to the thread">
          <Icon name="back" />
        </a>
        <div className="pane-title">
          <h2>Files</h2>
          <p>
            {plural(files.size, 'file')} in “{project.name}”
          </p>
        </div>
        <button type="button" className="plain" onClick={() => setIsNew(true)}>
          <Icon name="plus" /> New file
        </button>
      </header>
      <div className="pane-body">
        {files.size === 0 ? (
          <p className="quiet pane-empty">No files yet. Ask for one, or write one yourself.</p>
        ) : (
          <FileList files={[...files.keys()]} open={setPath} />
        )}
      </div>
    </>
  )
}

export function FileList({
  files,
  open,
}: {
  readonly files: readonly string[]
  readonly open: (path: string) => void
}) {
  return (
    <ul className="file-list" aria-label="Files">
      {files.toSorted().map((path) => (
        <li key={path}>
          <button type="button" onClick={() => open(path)}>
            <Icon name="files" /> <Path path={path} />
          </button>
        </li>
      ))}
    </ul>
  )
}

/** A path, with its folder in a quiet colour. */
export function Path({ path }: { readonly path: string }) {
  const cut = path.lastIndexOf('/') + 1
  return (
    <span className="path">
      {cut > 0 && <span className="quiet">{path.slice(0, cut)}</span>}
      {path.slice(cut)}
    </span>
  )
}
