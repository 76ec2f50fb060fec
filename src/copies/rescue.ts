import { StorageError } from '../errors.ts'
import { packChunk, recordsIn } from '../log/chunk.ts'
import type { CommitRecord } from '../log/commit.ts'
import type { Database } from '../log/database.ts'
import type { SegmentRecord } from '../log/stores.ts'
import { chainOf } from './chain.ts'
import { type ChunkPlace, chunkBytesOf, listChunks } from './files.ts'
import { folderOf, mirrorPlaceOf, NoMirror, openPlace } from './mirrorPlace.ts'

/**
 * Reads the bytes of a segment or a base from the mirror; undefined if it does not have them. The caller verifies them. Rejects
 * with `StorageError('unavailable')` if the mirror can't be read now.
 */
export async function rescue(database: Database, record: SegmentRecord): Promise<Uint8Array<ArrayBuffer> | undefined> {
  try {
    const parent = await openPlace(await mirrorPlaceOf(database))
    const folder = await folderOf(parent, database.name)
    if (!folder) return
    const files = await listChunks(folder)
    const [place] = [...files.values()].flat().filter((one) => isOf(record, one))
    return place ? await chunkBytesOf(place) : await sealAgain(database, record, files)
  } catch (error) {
    if (error instanceof NoMirror) return
    if (error instanceof StorageError) throw error
    throw new StorageError(
      'unavailable',
      `The browser can't read events ${record.first} to ${record.last} of "${database.name}", and its second copy can't be ` +
        `read now: ${error}. Nothing was changed. Try again.`,
      error,
    )
  }
}

const isOf = ({ first, last, checksum }: SegmentRecord, { header }: ChunkPlace): boolean =>
  header.first === first && header.last === last && header.checksum === checksum

/** If the mirror has the events, but no file of this segment yet, seals them again: that gives the same bytes. */
async function sealAgain(
  { log }: Database,
  { first, last }: SegmentRecord,
  files: ReadonlyMap<string, readonly ChunkPlace[]>,
): Promise<Uint8Array<ArrayBuffer> | undefined> {
  const found: CommitRecord[] = []
  for await (const chunk of chainOf(files).chunks) {
    if (chunk.header.kind || chunk.header.last < first) continue
    if (chunk.header.first > last) break
    for await (const records of recordsIn(chunk))
      found.push(...records.filter((record) => record.first >= first && record.last <= last))
  }
  if (log && found[0]?.first === first && found.at(-1)?.last === last) return (await packChunk(log, found)).bytes
}
