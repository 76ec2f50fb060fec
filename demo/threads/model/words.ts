import { projection, table } from 'tidemark'
import { events } from './events.ts'
import { rowOfTurn } from './transcripts.ts'

/** The words of one row of transcripts, each once. They are a twentieth of its text. A search reads them first, and then only the rows that match. */
export interface Words {
  /** The id of the row of transcripts. */
  id: string
  /** The sequence of the row's last text. */
  sequence: number
  /** The words in lower case, one per line. */
  words: string
}

export const wordsOf = (text: string): string[] => text.toLowerCase().split(/\s+/).filter(Boolean)

interface Said {
  readonly data: { readonly prompt?: string; readonly text?: string }
  readonly sequence: number
}
const add = (row: Readonly<Words> | undefined, { data: { prompt = '', text = '' }, sequence }: Said, key: unknown) => {
  const words = new Set(row?.words.split('\n'))
  for (const word of wordsOf(`${prompt}\n${text}`)) words.add(word)
  return { id: String(key), sequence, words: [...words].join('\n') }
}
const byId = ({ data }: { readonly data: { readonly id: string } }): string => rowOfTurn(data.id)

export const words = projection(events, {
  into: table<Words>('id', { resident: false, indexes: ['sequence'] }),
  by: {
    turnRequested: byId,
    turnImported: byId,
    turnFinished: byId,
    turnStopped: byId,
    turnInterrupted: byId,
    turnFailed: byId,
    approvalAsked: ({ data }) => rowOfTurn(data.turnId),
  },
  evolve: {
    turnRequested: add,
    turnImported: add,
    turnFinished: add,
    turnStopped: add,
    turnInterrupted: add,
    turnFailed: add,
    approvalAsked: add,
  },
})
