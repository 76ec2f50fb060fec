import { type FormEvent, useState } from 'react'
import { CommandRejected } from 'tidemark'
import { describeError } from '../../ui/describeError.ts'
import type { ThreadsEngine } from '../engine.ts'
import { Icon } from './Icon.tsx'
import { Path } from './Workspace.tsx'

interface Props {
  readonly engine: ThreadsEngine
  readonly projectId: string
  /** The path of the file; undefined for a new file. */
  readonly path: string | undefined
  readonly text: string
  readonly leave: (saved?: string) => void
}

/** Shows a file and lets the person edit it. */
export function FileEditor({ engine, projectId, path, text, leave }: Props) {
  const [name, setName] = useState('')
  /** The text that was typed. If it is undefined, changes by the assistant are shown at once. */
  const [typed, setTyped] = useState<string | undefined>(path === undefined ? '' : undefined)
  const [base, setBase] = useState(text)
  const [problem, setProblem] = useState('')
  const save = async (event?: FormEvent): Promise<void> => {
    event?.preventDefault()
    if (typed === undefined) return
    const target = path ?? name.trim()
    setProblem('')
    try {
      if (path === undefined && engine.read.files.get(`${projectId}/${target}`)?.text != null)
        return setProblem(`There is a file “${target}” already.`)
      await engine.dispatch.saveFile({ projectId, path: target, text: typed })
      setTyped(undefined)
      if (path === undefined) leave(target)
    } catch (error) {
      setProblem(problemOf(error))
    }
  }
  const changedMeanwhile = typed !== undefined && path !== undefined && text !== base
  return (
    <form className="editor" onSubmit={save}>
      <header className="pane-head">
        <button type="button" className="plain" aria-label="All files" onClick={() => leave()}>
          <Icon name="back" />
        </button>
        <div className="pane-title">
          {path === undefined ? (
            <input
              // biome-ignore lint/a11y/noAutofocus: asked for by the press of a button
              autoFocus
              aria-label="Path of the new file"
              placeholder="notes/plan.md"
              required
              value={name}
              onChange={(change) => setName(change.target.value)}
            />
          ) : (
            <h2>
              <Path path={path} />
            </h2>
          )}
        </div>
        <button type="submit" className="plain" disabled={typed === undefined}>
          Save
        </button>
      </header>
      {(problem || changedMeanwhile) && (
        <p className="editor-note" role="alert">
          {problem || 'The file was changed meanwhile. Saving replaces that change.'}
          {changedMeanwhile && (
            <button type="button" className="plain" onClick={() => setTyped(undefined)}>
              Show it
            </button>
          )}
        </p>
      )}
      <textarea
        className="editor-text"
        aria-label={path === undefined ? 'Text of the new file' : `Text of ${path}`}
        spellCheck={false}
        value={typed ?? text}
        onChange={(change) => {
          if (typed === undefined) setBase(text)
          setTyped(change.target.value)
        }}
        onKeyDown={(pressed) => {
          if (pressed.key.toLowerCase() !== 's' || !(pressed.ctrlKey || pressed.metaKey)) return
          pressed.preventDefault()
          save()
        }}
      />
    </form>
  )
}

const problemOf = (error: unknown): string =>
  error instanceof CommandRejected && error.code === 'impossible'
    ? (error.details as { problem: string }).problem
    : `Not saved: ${describeError(error)}.`
