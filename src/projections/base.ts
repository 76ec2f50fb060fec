import { CorruptLog, ProjectionFailed } from '../errors.ts'
import { type Chunk, linesIn, makeChunk } from '../log/chunk.ts'
import type { Database, LogIdentity } from '../log/database.ts'
import { readRecordWithBody } from '../log/sealed.ts'
import type { Fold } from '../model/fold.ts'
import { copyJson, stringify } from '../model/json.ts'
import { PAGE_ROWS } from './snapshot.ts'
import { place, type Track } from './track.ts'

/** First line of a base's body; pages of rows follow, as JSON. */
interface BaseHead {
  readonly identity: string
  readonly sequence: number
  /** The insertion counter. */
  readonly next: number
  readonly rows: number
}

/**
 * Moves each fold that is below the base of an archived log to that base. A projection that has no base would need the
 * whole log, so it fails.
 */
export async function loadBases(database: Database, folds: readonly Fold[]): Promise<void> {
  const base = database.log?.base ?? 0
  for (const fold of folds) {
    if (fold.sequence >= base) continue
    const { identity } = fold
    const found = await readRecordWithBody(database, 'bases', identity)
    fold.clear()
    if (found) await loadBase(fold, base, found.chunk)
    else
      fold.failed = new ProjectionFailed(
        fold.name,
        base,
        new Error(
          `archived: events 1 to ${base} were archived without a base for "${identity}". ` +
            'Import the archive files and an export into a new log to build it.',
        ),
      )
    fold.sequence = base
  }
}

/** Starts a track at the base if its pages do not reach that far, and marks all its pages as dirty. */
export async function openOnBase(database: Database, track: Track): Promise<void> {
  const { fold, dirty } = track
  const { sequence } = fold
  await loadBases(database, [fold])
  if (fold.sequence !== sequence) for (const slot of fold.slots) dirty.add(place(track, slot))
}

async function loadBase(fold: Fold, base: number, chunk: Chunk): Promise<void> {
  if (chunk.header.last !== base) throw new CorruptLog(base)
  let next: number | undefined
  for await (const lines of linesIn(chunk))
    for (const line of lines) {
      if (next === undefined) {
        const head: BaseHead = JSON.parse(line)
        next = head.next
        continue
      }
      const { page, rows, at }: { page: number; rows: unknown[]; at?: number[] } = JSON.parse(line)
      fold.load(rows, (i) => page * PAGE_ROWS + (at?.[i] ?? i))
    }
  if (next === undefined) throw new CorruptLog(base)
  fold.next = next
}

/**
 * The rows of a fold as a chunk. An archived log, its exports and its mirror keep this chunk. Throws InvalidData if
 * JSON would change a row.
 */
export async function makeBase(
  { id, lineage }: LogIdentity,
  { identity, sequence, next, slots }: Fold,
): Promise<Chunk> {
  const pages = new Map<number, { rows: unknown[]; at: number[] }>()
  let rows = 0
  for (const { n, row } of slots) {
    const page = Math.floor(n / PAGE_ROWS)
    let into = pages.get(page)
    if (!into) {
      into = { rows: [], at: [] }
      pages.set(page, into)
    }
    into.rows.push(copyJson(row))
    into.at.push(n - page * PAGE_ROWS)
    rows++
  }
  const head: BaseHead = { identity, sequence, next, rows }
  const lines = [head, ...Array.from(pages, ([page, content]) => ({ page, ...content }))]
  return makeChunk(
    { log: id, lineage, first: 1, last: sequence, kind: 'base' },
    lines.map((line) => `${stringify(line)}\n`),
  )
}
