import { openTable } from 'tidemark/tools'
import type { ThreadsEngine } from '../engine.ts'
import type { Transcript } from '../model/transcripts.ts'
import type { Turn } from '../model/turns.ts'

/** Events whose transcripts are read at once: some 40 rows of 32 turns. */
const WINDOW = 3000
/** Characters around what was found. */
const EXCERPT = 70

export interface FoundTurn {
  readonly turn: Readonly<Turn>
  /** The text around the first word, in three parts. */
  readonly excerpt: readonly [before: string, found: string, after: string]
}

const wordsOf = (query: string): string[] => query.toLowerCase().split(/\s+/).filter(Boolean)

/** The turn, if all words are in what was asked or said. */
export function matchTurn(turn: Readonly<Turn>, query: string): FoundTurn | undefined {
  const words = wordsOf(query)
  const text = `${turn.prompt}\n${turn.text}`
  const folded = text.toLowerCase()
  if (words.length === 0 || !words.every((word) => folded.includes(word))) return undefined
  const from = folded.indexOf(words[0]!)
  const to = from + words[0]!.length
  const cut = Math.max(0, from - EXCERPT / 2)
  return {
    turn,
    excerpt: [
      `${cut > 0 ? '…' : ''}${text.slice(cut, from)}`.replaceAll('\n', ' '),
      text.slice(from, to),
      text.slice(to, to + EXCERPT).replaceAll('\n', ' '),
    ],
  }
}

/** Turns that have all words, the newest first, as they are found. Reads the disk in windows, so nothing is held in memory. */
export async function* searchTurns(
  engine: ThreadsEngine,
  query: string,
  signal: AbortSignal,
): AsyncGenerator<FoundTurn> {
  const table = await openTable(engine, 'transcripts')
  for (let high = engine.status.sequence; high > 0; high -= WINDOW) {
    signal.throwIfAborted()
    const rows: Transcript[] = await table
      .where('sequence')
      .between(high - WINDOW, high, false, true)
      .toArray()
    for (const { turns } of rows.toSorted((a, b) => b.sequence - a.sequence))
      for (const turn of turns.toReversed()) {
        const found = matchTurn(turn, query)
        if (found) yield found
      }
  }
}
