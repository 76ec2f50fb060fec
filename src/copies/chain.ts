import { assertKnownFormat, type Chunk, openChunk, packChunk, recordsIn } from '../log/chunk.ts'
import { type CommitRecord, isCommit } from '../log/commit.ts'
import { BadText } from '../log/gzip.ts'
import { type ChunkPlace, chunkBytesOf } from './files.ts'

/** The log that a mirror's files hold, and why it ends where it ends. */
export interface Chain {
  /** Verified chunks without overlap: an archived log's base, then commits. They end at the first chunk that is damaged or missing. */
  readonly chunks: AsyncIterable<Chunk>
  /** The last event that the files claim to hold. */
  readonly claimed: number
  /** Why `chunks` ended early, or which further file is damaged. Set once `chunks` has ended. */
  readonly reason: string | undefined
}

/** Reads the files of a mirror as one log. */
export function chainOf(files: ReadonlyMap<string, readonly ChunkPlace[]>): Chain {
  const places = [...files.values()].flat()
  const claimed = claimedBy(places)
  let reason: string | undefined

  async function* read(): AsyncGenerator<Chunk, void> {
    const [one, ...others] = new Set(places.map(({ header }) => header.lineage))
    if (others.length) {
      reason = `files of more than one log: lineages ${[one, ...others]}`
      return
    }
    const base = baseOf(files)
    let at = base[0]?.header.last ?? 0
    for (const place of base) {
      if (place.header.kind === 'end') break
      // A file without its end chunk was cut.
      const chunk = base.at(-1)?.header.kind === 'end' ? await verified(place) : undefined
      if (!chunk) {
        reason = `the base at ${at} is damaged`
        return
      }
      yield chunk
    }
    const commits = places.filter(({ header }) => !header.kind)
    for (;;) {
      const next = await nextBehind(commits, at)
      if (next === 'none' || next === 'damaged') {
        reason = whyNotMore(next, at)
        return
      }
      at = next.header.last
      yield next
    }
  }

  function whyNotMore(next: 'none' | 'damaged', at: number): string | undefined {
    if (next === 'damaged') return `event ${at + 1} is damaged`
    if (claimed > at) return `event ${at + 1} is missing`
    const unread = unreadOf(files)
    return unread && `${unread} is damaged`
  }

  return {
    chunks: read(),
    claimed,
    get reason() {
      return reason
    },
  }
}

/** The newest base, as the chunks of its file. */
function baseOf(files: ReadonlyMap<string, readonly ChunkPlace[]>): readonly ChunkPlace[] {
  const bases = [...files.values()].filter((all) => all[0]?.header.kind === 'base')
  const newest = claimedBy(bases.flat())
  return bases.find((all) => all.every(({ header }) => header.last === newest)) ?? []
}

/** The first file with bytes that belong to no chunk. */
function unreadOf(files: ReadonlyMap<string, readonly ChunkPlace[]>): string | undefined {
  for (const [file, places] of files) {
    const end = places.at(-1)
    if (!end || end.to < end.file.size) return file
  }
}

/** The chunk that continues the log after `at`. If there are several, the undamaged chunk that begins last. */
async function nextBehind(places: readonly ChunkPlace[], at: number): Promise<Chunk | 'none' | 'damaged'> {
  const candidates = places
    .filter(({ header: { first, last } }) => first <= at + 1 && last > at)
    .sort((a, b) => b.header.first - a.header.first || b.header.last - a.header.last)
  for (const place of candidates) {
    const chunk = await behind(place, at)
    if (chunk) return chunk
  }
  return candidates.length ? 'damaged' : 'none'
}

const claimedBy = (places: readonly ChunkPlace[]): number => Math.max(0, ...places.map(({ header }) => header.last))

/** Opens a chunk; undefined if its bytes are damaged. Throws if the file can't be read, because it may be whole. */
async function verified(place: ChunkPlace): Promise<Chunk | undefined> {
  const chunk = openChunk(await chunkBytesOf(place))
  if (chunk) assertKnownFormat(chunk.header)
  return chunk
}

/** The part of a chunk after `at`, if it holds whole commits in their order; otherwise undefined. */
async function behind(place: ChunkPlace, at: number): Promise<Chunk | undefined> {
  const chunk = await verified(place)
  const records = chunk && (await commitsIn(chunk))
  if (!records) return
  const { log, lineage, first } = chunk.header
  if (first === at + 1) return chunk
  const rest = records.filter((record) => record.last > at)
  return rest[0]?.first === at + 1 ? packChunk({ id: log, lineage, format: 1 }, rest) : undefined
}

/** The commits of a chunk; undefined unless they fill its whole range without a gap. */
async function commitsIn(chunk: Chunk): Promise<readonly CommitRecord[] | undefined> {
  const { first, last } = chunk.header
  const all: CommitRecord[] = []
  let end = first - 1
  try {
    for await (const records of recordsIn(chunk))
      for (const record of records) {
        if (!isCommit(record) || record.first !== end + 1) return
        end = record.last
        all.push(record)
      }
  } catch (error) {
    if (error instanceof BadText) return
    throw error
  }
  return end === last ? all : undefined
}
