import { projection, table } from 'tidemark'
import { events } from './events.ts'
import { threadOf } from './ids.ts'
import type { TurnState } from './turns.ts'

export interface Project {
  id: string
  name: string
}

export const projects = projection(events, {
  into: table<Project>('id'),
  evolve: {
    projectCreated: (_, { data }) => data,
    projectRenamed: (project, { data }) => project && { ...project, name: data.name },
  },
})

export interface Thread {
  id: string
  projectId: string
  title: string
  closed: boolean
  turns: number
  /** The number of turns that were requested and have not ended, including a turn that waits for an approval. */
  running: number
  /** The turn that waits for an approval. */
  waiting: string | null
  /** How the thread's last turn ended. */
  ended: TurnState | null
  /** The number of ended turns, and of ended turns that were seen. The difference is the number of unread turns. */
  answered: number
  seen: number
  /** The last turn that changed files. */
  changed: string | null
  /** Whether some turns are on disk only, because the thread was closed once. */
  onDisk: boolean
  /** Milliseconds since 1970. */
  updated: number
}

type Row = Readonly<Thread> | undefined
interface At {
  readonly at: number
}
const byTurn = ({ data }: { readonly data: { readonly id: string } }): string => threadOf(data.id)
const byTurnId = ({ data }: { readonly data: { readonly turnId: string } }): string => threadOf(data.turnId)
const byActor = ({ data: { turnId } }: { readonly data: { readonly turnId?: string } }): string[] =>
  turnId === undefined ? [] : [threadOf(turnId)]

const end =
  (ended: TurnState) =>
  (thread: Row, { at }: At): Thread | undefined =>
    thread && {
      ...thread,
      ended,
      waiting: null,
      running: thread.running - 1,
      answered: thread.answered + 1,
      // A person who stops a turn has seen it.
      seen: ended === 'stopped' ? thread.answered + 1 : thread.seen,
      updated: at,
    }
const change = (thread: Row, { data: { turnId } }: { readonly data: { readonly turnId?: string } }) =>
  thread && turnId !== undefined ? { ...thread, changed: turnId } : undefined

export const threads = projection(events, {
  into: table<Thread>('id'),
  by: {
    turnRequested: byTurn,
    turnImported: byTurn,
    turnFinished: byTurn,
    turnStopped: byTurn,
    turnInterrupted: byTurn,
    turnFailed: byTurn,
    approvalAsked: byTurnId,
    approvalAnswered: byTurnId,
    approvalExpired: byTurnId,
    fileWritten: byActor,
    fileRenamed: byActor,
    fileRemoved: byActor,
    filesReverted: byActor,
  },
  evolve: {
    threadCreated: (_, { data, at }) => ({
      ...data,
      closed: false,
      turns: 0,
      running: 0,
      waiting: null,
      ended: null,
      answered: 0,
      seen: 0,
      changed: null,
      onDisk: false,
      updated: at,
    }),
    threadRenamed: (thread, { data }) => thread && { ...thread, title: data.title },
    threadSeen: (thread, { data }) => thread && { ...thread, seen: Math.max(thread.seen, data.turns) },
    threadClosed: (thread) => thread && { ...thread, closed: true, onDisk: true },
    threadReopened: (thread) => thread && { ...thread, closed: false },
    turnRequested: (thread, { at }) =>
      thread && { ...thread, turns: thread.turns + 1, running: thread.running + 1, updated: at },
    turnImported: (thread, { data }) =>
      thread && {
        ...thread,
        turns: thread.turns + 1,
        answered: thread.answered + 1,
        seen: thread.answered + 1,
        ended: 'finished',
        onDisk: true,
        updated: data.happened,
      },
    turnFinished: end('finished'),
    turnStopped: end('stopped'),
    turnInterrupted: end('interrupted'),
    turnFailed: end('failed'),
    approvalExpired: (thread, event) => {
      const ended = end('stopped')(thread, event)
      return ended && { ...ended, seen: thread!.seen }
    },
    approvalAsked: (thread, { data }) => thread && { ...thread, waiting: data.turnId },
    approvalAnswered: (thread) => thread && { ...thread, waiting: null },
    fileWritten: change,
    fileRenamed: change,
    fileRemoved: change,
    filesReverted: change,
  },
})
