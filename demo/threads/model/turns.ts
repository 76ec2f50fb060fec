import { projection, table } from 'tidemark'
import type { Step } from '../assistant/steps.ts'
import { events } from './events.ts'
import { threadOf } from './ids.ts'

export type TurnState = 'open' | 'waiting' | 'finished' | 'stopped' | 'interrupted' | 'failed'

/** The change of one file by a turn, in lines. */
export interface Touched {
  path: string
  /** `'moved'`: it has another path now, which is `'renamed'`. */
  what: 'written' | 'renamed' | 'moved' | 'removed' | 'reverted'
  added: number
  removed: number
}

export interface Turn {
  id: string
  threadId: string
  projectId: string
  prompt: string
  state: TurnState
  /** The answer, once it is in the log. Until then it is a draft. */
  text: string
  reason: string | null
  /** Milliseconds since 1970. */
  requested: number
  ended: number | null
  touched: Touched[]
  approval: { path: string; rest: Step[]; expires: number; answer: 'granted' | 'denied' | 'expired' | null } | null
  /** Sequences of the turn's request and of its last event. They give the files before and after the turn. */
  first: number
  last: number
}

export const isRunning = ({ state }: Pick<Turn, 'state'>): boolean => state === 'open' || state === 'waiting'

type Row = Readonly<Turn> | undefined
interface At {
  readonly at: number
  readonly sequence: number
}

const join = (before: string, text: string): string => (before && text ? `${before}\n\n${text}` : before || text)

const end = (turn: Row, { at, sequence }: At, state: TurnState, text = '', reason: string | null = null) =>
  turn && { ...turn, state, reason, ended: at, last: sequence, text: join(turn.text, text) }

const touch = (turn: Row, { sequence }: At, ...touched: Touched[]) =>
  turn && {
    ...turn,
    last: sequence,
    touched: [...turn.touched.filter(({ path }) => !touched.some((one) => one.path === path)), ...addUp(turn, touched)],
  }

/** A file that a turn writes twice is listed once. */
const addUp = (turn: Readonly<Turn>, touched: readonly Touched[]): Touched[] =>
  touched.map((one) => {
    const before = turn.touched.find(({ path }) => path === one.path)
    return before ? { ...one, added: before.added + one.added, removed: before.removed + one.removed } : one
  })

const file = (path: string, what: Touched['what'], added = 0, removed = 0): Touched => ({ path, what, added, removed })

/** The change of a turn by each event. Two tables use it: the turns in memory and the transcripts on disk. */
export const evolveTurn = {
  turnRequested: (
    _: Row,
    { data, at, sequence }: At & { data: { id: string; projectId: string; prompt: string } },
  ): Turn => ({
    ...data,
    threadId: threadOf(data.id),
    state: 'open',
    text: '',
    reason: null,
    requested: at,
    ended: null,
    touched: [],
    approval: null,
    first: sequence,
    last: sequence,
  }),
  turnImported: (
    _: Row,
    {
      data: { happened, ...data },
      sequence,
    }: At & { data: { id: string; projectId: string; prompt: string; text: string; happened: number } },
  ): Turn => ({
    ...data,
    threadId: threadOf(data.id),
    state: 'finished',
    reason: null,
    requested: happened,
    ended: happened,
    touched: [],
    approval: null,
    first: sequence,
    last: sequence,
  }),
  turnFinished: (turn: Row, event: At & { data: { text: string } }) => end(turn, event, 'finished', event.data.text),
  turnStopped: (turn: Row, event: At & { data: { text: string } }) => end(turn, event, 'stopped', event.data.text),
  turnInterrupted: (turn: Row, event: At & { data: { text: string } }) =>
    end(turn, event, 'interrupted', event.data.text),
  turnFailed: (turn: Row, event: At & { data: { text: string; reason: string } }) =>
    end(turn, event, 'failed', event.data.text, event.data.reason),
  approvalAsked: (
    turn: Row,
    {
      data: { path, rest, text, expires },
      sequence,
    }: At & { data: { path: string; rest: Step[]; text: string; expires: number } },
  ) =>
    turn && {
      ...turn,
      state: 'waiting' as const,
      last: sequence,
      text: join(turn.text, text),
      approval: { path, rest, expires, answer: null },
    },
  approvalAnswered: (turn: Row, { data: { granted }, sequence }: At & { data: { granted: boolean } }) =>
    turn?.approval && {
      ...turn,
      state: 'open' as const,
      last: sequence,
      approval: { ...turn.approval, answer: granted ? ('granted' as const) : ('denied' as const) },
    },
  approvalExpired: (turn: Row, event: At) =>
    turn?.approval && {
      ...turn,
      ...end(turn, event, 'stopped'),
      approval: { ...turn.approval, answer: 'expired' as const },
    },
  fileWritten: (turn: Row, event: At & { data: { path: string; added: number; removed: number } }) =>
    touch(turn, event, file(event.data.path, 'written', event.data.added, event.data.removed)),
  fileRenamed: (turn: Row, event: At & { data: { from: string; to: string } }) =>
    touch(turn, event, file(event.data.from, 'moved'), file(event.data.to, 'renamed')),
  fileRemoved: (turn: Row, event: At & { data: { path: string; removed: number } }) =>
    touch(turn, event, file(event.data.path, 'removed', 0, event.data.removed)),
  filesReverted: (turn: Row, event: At & { data: { changes: { path: string }[] } }) =>
    touch(turn, event, ...event.data.changes.map(({ path }) => file(path, 'reverted'))),
}

interface OfTurn {
  readonly data: { readonly turnId?: string }
}
/** The key of the turn that caused an event; no key if a person did. */
export const byTurn = ({ data: { turnId } }: OfTurn): string[] => (turnId === undefined ? [] : [turnId])

/** The turns of open threads, in memory. The turns of a closed thread are removed from memory and stay in the transcripts. */
export const turns = projection(events, {
  into: table<Turn>('id'),
  by: {
    threadClosed: ({ data }) => ({ threadId: data.id }),
    approvalAsked: ({ data }) => data.turnId,
    approvalAnswered: ({ data }) => data.turnId,
    approvalExpired: ({ data }) => data.turnId,
    fileWritten: byTurn,
    fileRenamed: byTurn,
    fileRemoved: byTurn,
    filesReverted: byTurn,
  },
  evolve: { ...evolveTurn, turnImported: () => undefined, threadClosed: () => null },
})
