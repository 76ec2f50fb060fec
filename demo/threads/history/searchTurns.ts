import { openTable } from 'tidemark/tools'
import type { ThreadsEngine } from '../engine.ts'
import type { Turn } from '../model/turns.ts'
import { wordsOf } from '../model/words.ts'

/** Events whose words are read at once: some 200 rows of 2 kB. */
const WINDOW = 20_000
/** Rows of transcripts that are read at once, each of 32 turns. */
const ROWS = 8
/** Characters around what was found. */
const EXCERPT = 70

export interface FoundTurn {
  readonly turn: Readonly<Turn>
  /** The text around the first word, in three parts. */
  readonly excerpt: readonly [before: string, found: string, after: string]
}

/** The turn, if its request and answer have all words. */
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

interface SearchOptions {
  readonly signal: AbortSignal
  /** Called with the share of the past that was searched, from 0 to 1. */
  readonly onProgress?: (share: number) => void
}

/**
 * Yields the turns that have all words of the query, the newest first, as they are found. It reads the words of the past in windows. Then it
 * reads only the transcripts that have all words, so memory stays small.
 */
export async function* searchTurns(
  engine: ThreadsEngine,
  query: string,
  { signal, onProgress }: SearchOptions,
): AsyncGenerator<FoundTurn> {
  const wanted = wordsOf(query)
  const [words, transcripts] = await Promise.all([openTable(engine, 'words'), openTable(engine, 'transcripts')])
  const newest = engine.status.sequence
  for (let high = newest; high > 0; high -= WINDOW) {
    signal.throwIfAborted()
    const rows = await words
      .where('sequence')
      .between(high - WINDOW, high, false, true)
      .toArray()
    const ids = rows
      .filter((row) => wanted.every((word) => row.words.includes(word)))
      .sort((a, b) => b.sequence - a.sequence)
      .map(({ id }) => id)
    for (let at = 0; at < ids.length; at += ROWS) {
      signal.throwIfAborted()
      for (const row of await transcripts.bulkGet(ids.slice(at, at + ROWS)))
        for (const turn of row?.turns.toReversed() ?? []) {
          const found = matchTurn(turn, query)
          if (found) yield found
        }
      onProgress?.((newest - high + (Math.min(WINDOW, high) * Math.min(at + ROWS, ids.length)) / ids.length) / newest)
    }
    onProgress?.(Math.min(1, (newest - high + WINDOW) / newest))
  }
}
