import { packChunk } from '../log/chunk.ts'
import type { CommitRecord } from '../log/commit.ts'
import { type Database, type LogIdentity, numberKeyOf } from '../log/database.ts'
import { SEGMENT_CHARACTERS, segmentOf } from '../log/seal.ts'
import type { SegmentRecord } from '../log/stores.ts'

/** The number of commits from which on a take writes a segment, because one value is written faster than many. */
const PACK_COMMITS = 512

/** Commits of a take, sealed from the start. */
export interface TakenSegment {
  readonly segment: SegmentRecord
  readonly bytes: Uint8Array<ArrayBuffer>
}

/**
 * Packs the commits that a device takes when it reads a long log for the first time. undefined if there are few commits, or if commits before
 * them are not sealed: records below a segment are not part of the log. Only a sealer and the follower of the remote write there, and a sealer
 * needs commits that are not sealed. So the result stays right until the take is written.
 */
export async function packTaken(
  { transact }: Database,
  log: LogIdentity,
  base: number,
  records: readonly CommitRecord[],
): Promise<TakenSegment | undefined> {
  const characters = records.reduce((sum, { body }) => sum + body.length, 0)
  if (records.length < PACK_COMMITS || characters > SEGMENT_CHARACTERS) return
  const newest = await transact(['segments'], 'readonly', (store) => store('segments').openKeyCursor(null, 'prev'))
  if (numberKeyOf(newest) !== base) return
  const chunk = await packChunk(log, records)
  return { segment: segmentOf(chunk), bytes: chunk.bytes }
}
