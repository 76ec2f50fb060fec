import type { Database } from '../log/database.ts'
import { openOnBase } from './base.ts'
import { openIndex } from './rowEvents.ts'
import { createTrack, type Track } from './track.ts'

/**
 * Creates a track with its row-event index, if the table has `history`, and starts it at the base of an archived log.
 */
export async function openTrack(database: Database, ...given: Parameters<typeof createTrack>): Promise<Track> {
  const track = createTrack(...given)
  if (track.fold.definition.into.history) await openIndex(database, track)
  if (database.log?.base) await openOnBase(database, track)
  return track
}
