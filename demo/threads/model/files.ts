import { projection, table } from 'tidemark'
import { events } from './events.ts'
import { fileId } from './ids.ts'

/**
 * A file of a project's workspace. A file that was removed keeps its row, so that the last turn can be undone: `text` is null then.
 * There are no checkpoints: the files at a turn are the fold of the log up to it.
 */
export interface WorkspaceFile {
  id: string
  projectId: string
  path: string
  text: string | null
  /** The turn that last changed the file; null if a person did. */
  turnId: string | null
  /** The text of the file before that turn. */
  before: string | null
  /** Sequence of the file's last change. */
  changed: number
}

const write = (
  file: Readonly<WorkspaceFile> | undefined,
  projectId: string,
  path: string,
  text: string | null,
  {
    data: { turnId = null },
    sequence,
  }: { readonly data: { readonly turnId?: string | null }; readonly sequence: number },
): WorkspaceFile => ({
  id: fileId(projectId, path),
  projectId,
  path,
  text,
  turnId,
  before: file && turnId !== null && file.turnId === turnId ? file.before : (file?.text ?? null),
  changed: sequence,
})

export const files = projection(events, {
  into: table<WorkspaceFile>('id'),
  by: {
    fileWritten: ({ data }) => fileId(data.projectId, data.path),
    fileRenamed: ({ data }) => [fileId(data.projectId, data.from), fileId(data.projectId, data.to)],
    fileRemoved: ({ data }) => fileId(data.projectId, data.path),
    filesReverted: ({ data }) => data.changes.map(({ path }) => fileId(data.projectId, path)),
  },
  evolve: {
    fileWritten: (file, event) => write(file, event.data.projectId, event.data.path, event.data.text, event),
    fileRenamed: (file, event, key) => {
      const { projectId, from, to, text } = event.data
      return key === fileId(projectId, from)
        ? write(file, projectId, from, null, event)
        : write(file, projectId, to, text, event)
    },
    fileRemoved: (file, event) => write(file, event.data.projectId, event.data.path, null, event),
    filesReverted: (file, event, key) => {
      const { projectId, changes } = event.data
      const change = changes.find(({ path }) => fileId(projectId, path) === key)
      return change && write(file, projectId, change.path, change.text, event)
    },
  },
})
