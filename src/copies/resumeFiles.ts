import { CorruptLog } from '../errors.ts'
import { type Chunk, openChunk, recordsOf } from '../log/chunk.ts'
import type { CommitRecord } from '../log/commit.ts'
import type { Database, LogIdentity } from '../log/database.ts'
import { BadText } from '../log/gzip.ts'
import { recordsAt } from '../log/recordsAt.ts'
import type { SegmentRecord } from '../log/stores.ts'
import { type ChunkPlace, chunkBytesOf, fileOf, TAIL } from './files.ts'
import { createTail, type Tail } from './tail.ts'

/** A file with chunks of a long tail, which are not sealed yet. */
export interface PartFile {
  readonly file: string
  readonly last: number
}

/** The files of a mirror that belong to this log, and the files to remove. */
export interface ResumedFiles {
  readonly tail: Tail
  readonly parts: readonly PartFile[]
  /** The tail's file differs from the tail, so it has to be written or removed. */
  readonly isStale: boolean
  /** Files of events that this database has lost. They have to be removed before other events get the same numbers. */
  readonly lost: readonly string[]
}

/** Finds out whether the tail's file belongs to this log. If not, keeps only the files of segments and of the base. */
export async function resumeFiles(
  database: Database,
  log: LogIdentity,
  files: ReadonlyMap<string, readonly ChunkPlace[]>,
  segments: readonly SegmentRecord[],
  base: string,
): Promise<ResumedFiles> {
  const newest = segments.at(-1)?.last ?? 0
  const wanted = new Set([...segments.filter(({ codec }) => codec === 'gzip').map(fileOf), base])
  const others = [...files].filter(([file]) => file !== TAIL && !wanted.has(file))
  const found = await readTail(files.get(TAIL) ?? [])
  if (found && found.first <= reachOf(others, newest) + 1 && (await isInLog(database, found.end))) {
    const parts = others.map(([file, places]) => ({ file, last: places.at(-1)?.header.last ?? 0 }))
    // The tail was sealed meanwhile. Its file stays until the segments have files.
    if (found.end.last <= newest) return { tail: createTail(log), parts, isStale: true, lost: [] }
    return { tail: createTail(log, found.packed, found.open), parts, isStale: false, lost: [] }
  }
  const lost = [TAIL, ...others.map(([file]) => file)].filter((file) => files.has(file))
  return { tail: createTail(log), parts: [], isStale: newest > 0 || files.size > 0, lost }
}

interface FoundTail {
  readonly first: number
  /** The last commit of the tail. */
  readonly end: CommitRecord
  readonly packed: readonly Chunk[]
  /** The records of the last chunk, which may grow. */
  readonly open: readonly CommitRecord[]
}

/** Reads the tail from its file; undefined if the file is missing or damaged. */
async function readTail(places: readonly ChunkPlace[]): Promise<FoundTail | undefined> {
  const chunks: Chunk[] = []
  for (const place of places) {
    const chunk = openChunk(await chunkBytesOf(place))
    if (!chunk) return
    chunks.push(chunk)
  }
  const newest = chunks.pop()
  if (!newest) return
  const open = await recordsOf(newest).catch((error) => {
    if (!(error instanceof BadText)) throw error
  })
  const end = open?.at(-1)
  if (open && end) return { first: (chunks[0] ?? newest).header.first, end, packed: chunks, open }
}

/** The last event up to which segments and parts have no gap. */
function reachOf(others: readonly (readonly [string, readonly ChunkPlace[]])[], newest: number): number {
  const ranges = others.flatMap(([, places]) => places.map(({ header }) => header)).filter(({ last }) => last > newest)
  let at = newest
  for (const { first, last } of ranges.sort((a, b) => a.first - b.first)) if (first <= at + 1) at = Math.max(at, last)
  return at
}

async function isInLog(database: Database, { id, last }: CommitRecord): Promise<boolean> {
  try {
    const { value } = await recordsAt(database, [last]).next()
    return value?.id === id
  } catch (error) {
    // Any other error says nothing about the log. Throws it, so that no file is removed: the files may be the only copy.
    if (error instanceof CorruptLog) return false
    throw error
  }
}
