import { defineModel, projection, type ReadModel, type ReadOf, reject, value } from 'tidemark'
import { draft } from 'tidemark/drafts'
import { apply, type Edit, type Files, LARGEST_FILE } from '../assistant/apply.ts'
import { problemOfPath } from '../assistant/paths.ts'
import type { EditStep, Step } from '../assistant/steps.ts'
import { type Actor, type Change, events } from './events.ts'
import { files } from './files.ts'
import { turnId } from './ids.ts'
import { countLines } from './lines.ts'
import { projects, threads } from './threads.ts'
import { transcripts } from './transcripts.ts'
import { isRunning, turns } from './turns.ts'
import { words } from './words.ts'

export interface Settings {
  /** Null for the built-in assistant. */
  url: string | null
  model: string
  /** Milliseconds. */
  approvalTime: number
}

const settings = projection(events, {
  into: value<Settings>({ url: null, model: '', approvalTime: 5 * 60_000 }),
  evolve: {
    assistantChosen: (before, { data }) => ({ ...before, ...data }),
    approvalTimeSet: (before, { data }) => ({ ...before, approvalTime: data.milliseconds }),
  },
})

const projections = { projects, threads, turns, files, transcripts, words, settings }
type Read = ReadModel<typeof projections>

/** Characters of a thread's title. */
const TITLE = 60
const titleOf = (prompt: string): string => {
  const line = prompt.trim().split('\n')[0]!.replaceAll(/[`*#]/g, '').trim()
  return line.length > TITLE ? `${line.slice(0, TITLE - 1).trimEnd()}…` : line
}

/** The files of a project: text by path. */
export const filesOf = (read: Pick<Read, 'files'>, projectId: string): Files =>
  new Map(
    read.files
      .by('projectId', projectId)
      .flatMap(({ path, text }): [string, string][] => (text === null ? [] : [[path, text]])),
  )

const eventOf = (edit: Edit, actor: Actor, before: Files) => {
  if (edit.kind === 'rename') return events.fileRenamed({ ...actor, from: edit.from, to: edit.to, text: edit.text })
  const lines = countLines(before.get(edit.path) ?? '', edit.kind === 'write' ? edit.text : '')
  return edit.kind === 'remove'
    ? events.fileRemoved({ ...actor, path: edit.path, removed: lines.removed })
    : events.fileWritten({ ...actor, path: edit.path, text: edit.text, ...lines })
}

/** A turn that can still change something. */
const running = ({ turns }: Read, id: string) => {
  const turn = turns.get(id)
  return turn && isRunning(turn) ? turn : undefined
}
/** A command that ends a turn. It does nothing if the turn has already ended, for example in another tab. */
const ends =
  <E>(event: (input: { id: string; text: string }) => E) =>
  (read: Read, { id, text }: { id: string; text: string }) =>
    running(read, id) ? event({ id, text }) : []

/** Undoes the last turn of the thread that changed files, unless they were changed since then. */
function undo(read: Read, by: Required<Actor>, threadId: string) {
  const turn = read.threads.get(threadId)?.changed
  const touched = turn ? read.files.by('turnId', turn) : []
  const changes = touched
    .filter(({ text, before }) => text !== before)
    .map(({ path, before }): Change => ({ path, text: before }))
  if (!turn || changes.length === 0)
    return reject('impossible', {
      problem: 'There is nothing to undo: no turn of this thread changed a file, or its files were changed since.',
    })
  return events.filesReverted({ ...by, turn, undone: true, changes })
}

export interface ImportedThread {
  id: string
  projectId: string
  title: string
  /** Whether the thread stays in the list of current threads. */
  open: boolean
  turns: { prompt: string; text: string; happened: number; files: { path: string; text: string }[] }[]
}

export const threadsApp = defineModel({
  name: 'threads',
  events,
  projections,
  /** The text of a running turn. It becomes an event when the turn ends. */
  drafts: { reply: draft<{ threadId: string }>() },
  commands: {
    createProject: (
      { projects },
      { id, name, files = [] }: { id: string; name: string; files?: { path: string; text: string }[] },
    ) => {
      if (projects.has(id)) return []
      if (!name.trim()) return reject('name-missing')
      return [
        events.projectCreated({ id, name: name.trim() }),
        ...files.map(({ path, text }) => eventOf({ kind: 'write', path, text }, { projectId: id }, new Map())),
      ]
    },
    renameProject: ({ projects }, { id, name }: { id: string; name: string }) =>
      projects.has(id) && name.trim() ? events.projectRenamed({ id, name: name.trim() }) : [],

    startThread: (
      { projects, threads },
      { id, projectId, prompt }: { id: string; projectId: string; prompt: string },
    ) => {
      if (!projects.has(projectId)) return reject('project-not-found', { projectId })
      if (threads.has(id) || !prompt.trim()) return []
      return [
        events.threadCreated({ id, projectId, title: titleOf(prompt) }),
        events.turnRequested({ id: turnId(id, 1), projectId, prompt: prompt.trim() }),
      ]
    },
    requestTurn: ({ threads }, { threadId, prompt }: { threadId: string; prompt: string }) => {
      const thread = threads.get(threadId) ?? reject('thread-not-found', { threadId })
      if (!prompt.trim()) return []
      return [
        ...(thread.closed ? [events.threadReopened({ id: threadId })] : []),
        events.turnRequested({
          id: turnId(threadId, thread.turns + 1),
          projectId: thread.projectId,
          prompt: prompt.trim(),
        }),
      ]
    },
    renameThread: ({ threads }, { id, title }: { id: string; title: string }) => {
      const thread = threads.get(id)
      return thread && title.trim() && title.trim() !== thread.title
        ? events.threadRenamed({ id, title: title.trim() })
        : []
    },
    seeThread: ({ threads }, { id }: { id: string }) => {
      const thread = threads.get(id)
      return thread && thread.seen < thread.answered ? events.threadSeen({ id, turns: thread.answered }) : []
    },
    closeThread: ({ threads }, { id }: { id: string }) => {
      const thread = threads.get(id)
      if (!thread || thread.closed) return []
      return thread.running > 0 ? reject('thread-running') : events.threadClosed({ id })
    },
    reopenThread: ({ threads }, { id }: { id: string }) =>
      threads.get(id)?.closed ? events.threadReopened({ id }) : [],

    /** One step of a turn. It uses the files at the time of the decision. */
    carryOut: (read, { id, step }: { id: string; step: EditStep }) => {
      const turn = running(read, id) ?? reject('turn-ended')
      const actor = { projectId: turn.projectId, turnId: id }
      if (step.kind === 'undo') return undo(read, actor, turn.threadId)
      if (step.kind === 'delete' && !(turn.approval?.answer === 'granted' && turn.approval.path === step.path))
        return reject('approval-missing')
      const before = filesOf(read, turn.projectId)
      const outcome = apply(step, before)
      if ('problem' in outcome) return reject('impossible', { problem: outcome.problem })
      return outcome.edits.map((edit) => eventOf(edit, actor, before))
    },
    finishTurn: ends(events.turnFinished),
    stopTurn: ends(events.turnStopped),
    interruptTurn: ends(events.turnInterrupted),
    failTurn: (read, { id, text, reason }: { id: string; text: string; reason: string }) =>
      running(read, id) ? events.turnFailed({ id, text, reason }) : [],

    /** The turn waits for an approval. `rest` are the steps after the deletion, and `text` is the answer so far. */
    askApproval: (
      read,
      { id, path, rest, text }: { id: string; path: string; rest: Step[]; text: string },
      { now },
    ) => {
      const turn = running(read, id)
      if (turn?.state !== 'open') return []
      const expires = now + read.settings.value.approvalTime
      return events.approvalAsked({ turnId: id, projectId: turn.projectId, path, rest, text, expires })
    },
    answerApproval: ({ turns }, { id, granted }: { id: string; granted: boolean }) =>
      turns.get(id)?.state === 'waiting' ? events.approvalAnswered({ turnId: id, granted }) : [],
    expireApproval: ({ turns }, { id }: { id: string }) =>
      turns.get(id)?.state === 'waiting' ? events.approvalExpired({ turnId: id }) : [],

    /** A person saves a file. */
    saveFile: (read, { projectId, path, text }: { projectId: string; path: string; text: string }) => {
      const before = filesOf(read, projectId)
      const problem =
        problemOfPath(path) ??
        (text.length > LARGEST_FILE ? `A file has at most ${LARGEST_FILE / 1000} kB.` : undefined)
      if (problem) return reject('impossible', { problem })
      return before.get(path) === text ? [] : eventOf({ kind: 'write', path, text }, { projectId }, before)
    },
    /** `files` are all files of the project as they were after the turn: see `at`. */
    revert: (
      read,
      { projectId, turn, files }: { projectId: string; turn: string; files: { path: string; text: string }[] },
    ) => {
      const now = filesOf(read, projectId)
      const then = new Map(files.map(({ path, text }) => [path, text]))
      const changes = [...new Set([...now.keys(), ...then.keys()])]
        .filter((path) => now.get(path) !== then.get(path))
        .map((path): Change => ({ path, text: then.get(path) ?? null }))
      return changes.length > 0 ? events.filesReverted({ projectId, turn, undone: false, changes }) : []
    },

    chooseAssistant: ({ settings }, { url, model }: { url: string | null; model: string }) =>
      settings.value.url === url && settings.value.model === model ? [] : events.assistantChosen({ url, model }),
    setApprovalTime: ({ settings }, { milliseconds }: { milliseconds: number }) => {
      if (!(milliseconds >= 1000 && milliseconds <= 7 * 86_400_000)) return reject('time-out-of-range')
      return settings.value.approvalTime === milliseconds ? [] : events.approvalTimeSet({ milliseconds })
    },

    /** Imported threads. Their turns are over, so no reaction answers them. */
    importThreads: (read, { threads }: { threads: ImportedThread[] }) =>
      threads.flatMap(({ id, projectId, title, open, turns }) => {
        const before = new Map(filesOf(read, projectId))
        return [
          events.threadCreated({ id, projectId, title }),
          ...turns.flatMap(({ prompt, text, happened, files }, at) => {
            const actor = { projectId, turnId: turnId(id, at + 1) }
            const written = files.map((file) => {
              const event = eventOf({ kind: 'write', ...file }, actor, before)
              before.set(file.path, file.text)
              return event
            })
            return [events.turnImported({ id: actor.turnId, projectId, prompt, text, happened }), ...written]
          }),
          ...(open ? [] : [events.threadClosed({ id })]),
        ]
      }),
  },
})

export type ThreadsRead = ReadOf<typeof threadsApp>
