import { projection, table } from 'tidemark'
import { events } from './events.ts'
import { numberOf, threadOf } from './ids.ts'
import { byTurn, evolveTurn, type Turn } from './turns.ts'

/** Turns per row. A read costs about the same for small and large rows, so a search through 50,000 turns reads only some 2,000 rows. */
const PER_ROW = 32

export interface Transcript {
  id: string
  threadId: string
  /** The sequence of the row's last event. */
  sequence: number
  turns: Turn[]
}

export const rowOfTurn = (turn: string): string => `${threadOf(turn)}/${Math.floor((numberOf(turn) - 1) / PER_ROW)}`
const idOf = ({ id, turnId }: { readonly id?: string; readonly turnId?: string }): string | undefined => turnId ?? id
const byId = ({ data }: { readonly data: { readonly id: string } }): string => rowOfTurn(data.id)
const byTurnId = ({ data }: { readonly data: { readonly turnId: string } }): string => rowOfTurn(data.turnId)
const byActor = (event: Parameters<typeof byTurn>[0]): string[] => byTurn(event).map(rowOfTurn)

type Evolve = typeof evolveTurn
/** Folds one turn of a row with the same functions as the turns in memory. */
const inRow = <K extends keyof Evolve>(type: K) => {
  const evolve = evolveTurn[type] as (turn: Turn | undefined, event: never) => Turn | null | undefined
  return (
    row: Readonly<Transcript> | undefined,
    event: { readonly data: { readonly id?: string; readonly turnId?: string }; readonly sequence: number },
    key: string | number,
  ): Transcript | undefined => {
    const id = idOf(event.data)
    if (id === undefined) return undefined
    const before = row?.turns.find((turn) => turn.id === id)
    const after = evolve(before, event as never)
    if (!after) return undefined
    const turns = before ? row!.turns.map((turn) => (turn === before ? after : turn)) : [...(row?.turns ?? []), after]
    return { id: String(key), threadId: threadOf(id), sequence: event.sequence, turns }
  }
}

/** All turns, on disk. */
export const transcripts = projection(events, {
  into: table<Transcript>('id', { resident: false, indexes: ['threadId', 'sequence'] }),
  by: {
    turnRequested: byId,
    turnImported: byId,
    turnFinished: byId,
    turnStopped: byId,
    turnInterrupted: byId,
    turnFailed: byId,
    approvalAsked: byTurnId,
    approvalAnswered: byTurnId,
    approvalExpired: byTurnId,
    fileWritten: byActor,
    fileRenamed: byActor,
    fileRemoved: byActor,
    filesReverted: byActor,
  },
  evolve: {
    turnRequested: inRow('turnRequested'),
    turnImported: inRow('turnImported'),
    turnFinished: inRow('turnFinished'),
    turnStopped: inRow('turnStopped'),
    turnInterrupted: inRow('turnInterrupted'),
    turnFailed: inRow('turnFailed'),
    approvalAsked: inRow('approvalAsked'),
    approvalAnswered: inRow('approvalAnswered'),
    approvalExpired: inRow('approvalExpired'),
    fileWritten: inRow('fileWritten'),
    fileRenamed: inRow('fileRenamed'),
    fileRemoved: inRow('fileRemoved'),
    filesReverted: inRow('filesReverted'),
  },
})
