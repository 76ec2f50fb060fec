import { randomId } from '../ids.ts'
import { deleteIf } from './append.ts'
import { packChunk } from './chunk.ts'
import { type CommitRecord, commandsOf, isCommit } from './commit.ts'
import { type Database, keyOf } from './database.ts'
import type { SegmentRecord, Stores } from './stores.ts'

/** Events of a segment: large enough to read at the speed of packed records. */
export const SEGMENT_EVENTS = 16_384
/** And its characters: few enough to unpack a segment for one of its events. */
export const SEGMENT_CHARACTERS = 1_048_576
/** And those that one transaction reads. */
const SLICE = 131_072

/**
 * Seals one segment of commits that end at or below `limit`, if there are enough of them (`rest`: however few), and says
 * whether it did.
 * Reads and compresses outside any transaction; the writing one gives up unless the newest segment is still the one it
 * read (rule 11: of two sealers the slower one would delete commits that it has not read).
 */
export async function seal(
  { transact }: Database,
  limit: number,
  events: number = SEGMENT_EVENTS,
  rest = false,
): Promise<boolean> {
  const newestOf = (store: Stores['segments']): IDBRequest<IDBCursor | null> => store.openKeyCursor(null, 'prev')

  const [found, log] = await transact(
    ['segments', 'meta'],
    'readonly',
    (store) => [newestOf(store('segments')), store('meta').get('log')] as const,
  )
  const after = keyOf(found)
  // Nothing is read to find out that there is little to seal: `limit` is in the log, and the log has no gaps.
  if (!rest && limit - after < events / 4) return false
  const records: CommitRecord[] = []
  let enough = false
  let characters = 0
  // Commits do not change, so in slices: whoever appends waits for one of them at most.
  for (let at = after, count = 8, more = true; more && !enough && at < limit; ) {
    const slice = await transact(['commits'], 'readonly', (store) =>
      store('commits').getAll(IDBKeyRange.bound(at + 1, limit), count),
    )
    more = slice.result.length === count
    for (const record of slice.result) {
      const follows = isCommit(record) && record.last <= limit && record.first === at + 1
      more &&= follows
      if (!follows || enough) break
      records.push(record)
      at = record.last
      characters += record.body.length
      enough = at - after >= events || characters >= SEGMENT_CHARACTERS
    }
    count = Math.max(1, Math.min(512, Math.floor((records.length * SLICE) / characters)))
  }
  if (!enough && !(rest && records.length)) return false
  const { header, bytes } = await packChunk(log.result!, records)
  const { first, codec, checksum } = header
  const segment: SegmentRecord = { first, last: header.last, codec, checksum, body: randomId() }
  let sealed = false
  await transact(['segments', 'bodies', 'commits', 'commands'], 'readwrite', (store) => {
    const newest = newestOf(store('segments'))
    newest.onsuccess = () => {
      if (keyOf(newest) !== after) return
      sealed = true
      store('bodies').put(bytes, segment.body)
      store('segments').put(segment, segment.last)
      store('commits').delete(IDBKeyRange.bound(segment.first, segment.last))
      // Rule 3: what an append left under an older seal goes together with the command ids it claimed.
      const left = store('commits').openCursor(IDBKeyRange.upperBound(after))
      left.onsuccess = () => {
        if (!left.result) return
        const record = left.result.value
        if (isCommit(record))
          for (const { id } of commandsOf(record)) deleteIf(store('commands'), id, 'commit', record.id)
        left.result.delete()
        left.result.continue()
      }
    }
  })
  return sealed
}
