import { useEffect, useMemo, useState } from 'react'
import { useRead } from 'tidemark/react'
import { openTable } from 'tidemark/tools'
import { describeError } from '../../ui/describeError.ts'
import { plural } from '../../ui/format.ts'
import type { Files } from '../assistant/apply.ts'
import type { ThreadsEngine } from '../engine.ts'
import { compareFiles } from '../history/compareFiles.ts'
import { filesAt } from '../history/filesAt.ts'
import { turnId } from '../model/ids.ts'
import type { Thread } from '../model/threads.ts'
import { filesOf } from '../model/threadsApp.ts'
import { rowOfTurn } from '../model/transcripts.ts'
import { isRunning, type Turn } from '../model/turns.ts'
import { DiffView } from './DiffView.tsx'
import { Icon } from './Icon.tsx'
import { toFiles, toThread, toTurn } from './useRoute.ts'
import { FileList, Path } from './Workspace.tsx'

interface Props {
  readonly engine: ThreadsEngine
  readonly thread: Readonly<Thread>
  readonly number: number
  readonly back: string
}

/** The files before and after a turn: its changes, all files at that time, and a button to revert to them. */
export function TurnFiles({ engine, thread, number, back }: Props) {
  const turn = useTurn(engine, turnId(thread.id, number))
  const around = useFilesAround(engine, turn)
  const [tab, setTab] = useState<'changes' | 'files'>('changes')
  const step = (to: number, label: string, icon: 'back' | 'next') =>
    to >= 1 && to <= thread.turns ? (
      <a className="plain" href={toTurn(thread.id, to)} aria-label={label}>
        <Icon name={icon} />
      </a>
    ) : (
      <span className="plain" aria-hidden="true" />
    )
  return (
    <>
      <header className="pane-head">
        <a className="plain narrow" href={back} aria-label="Back to the thread">
          <Icon name="back" />
        </a>
        <div className="pane-title">
          <h2>Turn {number}</h2>
          <p>{turn?.prompt.split('\n')[0] ?? 'the files then'}</p>
        </div>
        {step(number - 1, 'Turn before', 'back')}
        {step(number + 1, 'Turn after', 'next')}
        <a className="plain" href={toFiles(toThread(thread.id))}>
          Now
        </a>
      </header>
      <fieldset className="tabs" aria-label="Show">
        <button type="button" aria-pressed={tab === 'changes'} onClick={() => setTab('changes')}>
          Changes
        </button>
        <button type="button" aria-pressed={tab === 'files'} onClick={() => setTab('files')}>
          All files then
        </button>
      </fieldset>
      <div className="pane-body">
        {around.error !== undefined && (
          <p className="pane-empty" role="alert">
            The past could not be read: {describeError(around.error)}.
          </p>
        )}
        {around.error === undefined && !around.files && (
          <p className="quiet pane-empty">Reading the log up to that turn…</p>
        )}
        {turn && around.files && tab === 'changes' && <TurnChanges turn={turn} {...around.files} />}
        {around.files && tab === 'files' && <FilesThen files={around.files.after} />}
      </div>
      {turn && around.files && <Revert engine={engine} turn={turn} number={number} files={around.files.after} />}
    </>
  )
}

function TurnChanges({
  turn,
  before,
  after,
}: {
  readonly turn: Readonly<Turn>
  readonly before: Files
  readonly after: Files
}) {
  const differences = useMemo(
    () =>
      compareFiles(
        before,
        after,
        turn.touched.map(({ path }) => path),
      ),
    [turn, before, after],
  )
  if (differences.length === 0)
    return (
      <p className="quiet pane-empty">
        {isRunning(turn) ? 'This turn has changed no file yet.' : 'This turn changed no file.'}
      </p>
    )
  return differences.map((difference) => <DiffView key={difference.path} difference={difference} />)
}

function FilesThen({ files }: { readonly files: Files }) {
  const [path, setPath] = useState<string>()
  const text = path === undefined ? undefined : files.get(path)
  if (path === undefined || text === undefined)
    return files.size > 0 ? (
      <FileList files={[...files.keys()]} open={setPath} />
    ) : (
      <p className="quiet pane-empty">There were no files.</p>
    )
  return (
    <section className="file-then" aria-label={path}>
      <p>
        <button type="button" className="plain" onClick={() => setPath(undefined)}>
          <Icon name="back" /> <Path path={path} />
        </button>
      </p>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: the keyboard scrolls it */}
      <pre tabIndex={0}>{text || ' '}</pre>
    </section>
  )
}

function Revert({
  engine,
  turn,
  number,
  files,
}: {
  readonly engine: ThreadsEngine
  readonly turn: Readonly<Turn>
  readonly number: number
  readonly files: Files
}) {
  const rows = useRead(engine, (read) => read.files.by('projectId', turn.projectId))
  const differs = useMemo(() => {
    const now = filesOf({ files: { by: () => rows } as never }, turn.projectId)
    return [...new Set([...now.keys(), ...files.keys()])].filter((path) => now.get(path) !== files.get(path)).length
  }, [rows, files, turn.projectId])
  const [said, setSaid] = useState('')
  const revert = async (): Promise<void> => {
    try {
      await engine.dispatch.revert({
        projectId: turn.projectId,
        turn: turn.id,
        files: [...files].map(([path, text]) => ({ path, text })),
      })
      setSaid(`The files are as they were after turn ${number}.`)
    } catch (error) {
      setSaid(`Not reverted: ${describeError(error)}.`)
    }
  }
  return (
    <footer className="revert">
      <p role="status">
        {differs > 0
          ? `${plural(differs, 'file')} differ${differs === 1 ? 's' : ''} from now.`
          : said || 'The same as now.'}
      </p>
      <button type="button" className="button" aria-disabled={differs === 0} onClick={() => differs > 0 && revert()}>
        Revert to here
      </button>
    </footer>
  )
}

/** Reads a turn from memory, or from disk if it is not in memory. */
function useTurn(engine: ThreadsEngine, id: string): Readonly<Turn> | undefined {
  const resident = useRead(engine, (read) => read.turns.get(id))
  const [stored, setStored] = useState<Readonly<Turn>>()
  const isResident = resident !== undefined
  useEffect(() => {
    if (isResident) return
    let current = true
    openTable(engine, 'transcripts')
      .then((table) => table.get(rowOfTurn(id)))
      .then((row) => current && setStored(row?.turns.find((turn) => turn.id === id)))
      // The thread reads the same table and reports the error.
      .catch(() => {})
    return () => {
      current = false
    }
  }, [engine, id, isResident])
  return resident ?? stored
}

interface FilesAround {
  readonly files?: { readonly before: Files; readonly after: Files }
  readonly error?: unknown
}

function useFilesAround(engine: ThreadsEngine, turn: Readonly<Turn> | undefined): FilesAround {
  const [around, setAround] = useState<FilesAround>({})
  const { first, last, projectId } = turn ?? {}
  useEffect(() => {
    if (first === undefined || last === undefined || projectId === undefined) return
    let current = true
    const read = async (): Promise<void> => {
      const before = await filesAt(engine, first - 1, projectId)
      const after = await filesAt(engine, last, projectId)
      if (current) setAround({ files: { before, after } })
    }
    read().catch((error) => current && setAround({ error }))
    return () => {
      current = false
    }
  }, [engine, first, last, projectId])
  return around
}
