import { type Chunk, openChunk, packChunk, recordsOf } from '../log/chunk.ts'
import { isCommit } from '../log/commit.ts'
import { bytesOf, type Place } from './files.ts'

/** What a mirror's files hold, and why not more. */
export interface Chain {
  /** Verified and without overlap: an archived log's bases, then its commits. What is damaged or missing ends it. */
  readonly chunks: AsyncIterable<Chunk>
  /** The last event that the files claim to hold. */
  readonly claimed: number
  /** Once `chunks` has ended. */
  readonly reason: string | undefined
}

/** The one log that these files can be read as. */
export function chainOf(files: ReadonlyMap<string, readonly Place[]>): Chain {
  const places = [...files.values()].flat()
  const claimed = claimedBy(places)
  /** A file that says nothing, or not to its end. */
  const [unread] = [...files].find(([, all]) => !(all.at(-1) && all.at(-1)!.to >= all.at(-1)!.file.size)) ?? []
  let reason: string | undefined

  async function* read(): AsyncGenerator<Chunk, void> {
    const [one, ...others] = new Set(places.map(({ header }) => header.lineage))
    if (others.length) {
      reason = `files of more than one log: lineages ${[one, ...others]}`
      return
    }
    const standing = [...files.values()].filter((all) => all[0]?.header.kind === 'base')
    const bases = standing.find((all) => all.every(({ header }) => header.last === claimedBy(standing.flat()))) ?? []
    let at = bases[0]?.header.last ?? 0
    for (const place of bases) {
      if (place.header.kind === 'end') break
      const chunk = bases.at(-1)?.header.kind === 'end' && (await verified(place))
      if (!chunk) {
        reason = `the base at ${at} is damaged`
        return
      }
      yield chunk
    }
    const rest = places.filter(({ header }) => !header.kind)
    for (;;) {
      const next = rest
        .filter(({ header: { first, last } }) => first <= at + 1 && last > at)
        .sort((a, b) => b.header.first - a.header.first || b.header.last - a.header.last)
      const before = at
      for (const place of next) {
        const chunk = await behind(place, at)
        if (!chunk) continue
        at = chunk.header.last
        yield chunk
        break
      }
      if (at > before) continue
      if (next.length) reason = `event ${at + 1} is damaged`
      else if (claimed > at) reason = `event ${at + 1} is missing`
      else if (unread) reason = `${unread} is damaged`
      return
    }
  }

  return {
    chunks: read(),
    claimed,
    get reason() {
      return reason
    },
  }
}

const claimedBy = (places: readonly Place[]): number => Math.max(0, ...places.map(({ header }) => header.last))

const verified = async (place: Place): Promise<Chunk | undefined> => openChunk(await bytesOf(place))

/** The part of a chunk behind `at`, if it is whole commits in their order. */
async function behind(place: Place, at: number): Promise<Chunk | undefined> {
  try {
    const chunk = await verified(place)
    if (!chunk) return
    const { log, lineage, first, last } = chunk.header
    const records = await recordsOf(chunk)
    let end = first - 1
    for (const record of records) {
      if (!isCommit(record) || record.first !== end + 1) return
      end = record.last
    }
    if (end !== last) return
    if (first === at + 1) return chunk
    const rest = records.filter((record) => record.last > at)
    return rest[0]?.first === at + 1 ? await packChunk({ id: log, lineage, format: 1 }, rest) : undefined
  } catch {
    return
  }
}
