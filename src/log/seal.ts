import { randomId } from '../ids.ts'
import { deleteIf } from './append.ts'
import { type Chunk, packChunk } from './chunk.ts'
import { type CommitRecord, commandsOf, isCommit } from './commit.ts'
import { type Database, numberKeyOf, type Transact } from './database.ts'
import type { SegmentRecord, Stores } from './stores.ts'

/** A segment is full with this many events: enough that the log is read at the speed of packed records. */
export const SEGMENT_EVENTS = 16_384
/** A segment is full with this many characters: few enough to unpack all of it for one of its events. */
export const SEGMENT_CHARACTERS = 1_048_576
/** The number of characters that a transaction aims to read. */
const SLICE_CHARACTERS = 131_072
/** The number of records that the first transaction reads, and the most that one may read. */
const FIRST_SEALED_RECORDS = 8
const MOST_SEALED_RECORDS = 512

/**
 * Moves commits that end at or below `limit` into one segment, if they fill it, or if `rest` is true. Returns whether it
 * did.
 * Reads and compresses outside the writing transaction, which writes nothing unless the newest segment is still the one that was
 * read (rule 11: of two sealers, the slower one would delete commits that it has not read).
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
  const after = numberKeyOf(found)
  // The log has no gaps, so the numbers alone show how many events there are. Fewer than a quarter are not read, although
  // long ones could fill a segment.
  if (!rest && limit - after < events / 4) return false
  const { records, isEnough } = await readToSeal(transact, after, limit, events)
  if (!isEnough && !(rest && records.length)) return false
  const chunk = await packChunk(log.result!, records)
  const segment = segmentOf(chunk)
  let sealed = false
  await transact(['segments', 'bodies', 'commits', 'commands'], 'readwrite', (store) => {
    const newest = newestOf(store('segments'))
    newest.onsuccess = () => {
      if (numberKeyOf(newest) !== after) return
      sealed = true
      store('bodies').put(chunk.bytes, segment.body)
      store('segments').put(segment, segment.last)
      store('commits').delete(IDBKeyRange.bound(segment.first, segment.last))
      // Rule 3: deletes records that an append wrote below an older segment, with their entries in `commands`.
      const leftovers = store('commits').openCursor(IDBKeyRange.upperBound(after))
      leftovers.onsuccess = () => {
        if (!leftovers.result) return
        const record = leftovers.result.value
        if (isCommit(record))
          for (const { id } of commandsOf(record)) deleteIf(store('commands'), id, 'commit', record.id)
        leftovers.result.delete()
        leftovers.result.continue()
      }
    }
  })
  return sealed
}

/** The record of a new segment. Its bytes are stored under `body`. */
export const segmentOf = ({ header: { first, last, codec, checksum } }: Chunk): SegmentRecord => ({
  first,
  last,
  codec,
  checksum,
  body: randomId(),
})

/** Reads the commits that follow `after`, for one segment. `isEnough`: they fill it. */
async function readToSeal(
  transact: Transact,
  after: number,
  limit: number,
  events: number,
): Promise<{ readonly records: readonly CommitRecord[]; readonly isEnough: boolean }> {
  const records: CommitRecord[] = []
  let at = after
  let characters = 0
  let count = FIRST_SEALED_RECORDS
  // Reads in slices, so that an append waits for one slice at most. That is safe, because commits never change.
  while (at < limit) {
    const range = IDBKeyRange.bound(at + 1, limit)
    const { result } = await transact(['commits'], 'readonly', (store) => store('commits').getAll(range, count))
    for (const record of result) {
      const follows = isCommit(record) && record.last <= limit && record.first === at + 1
      if (!follows) return { records, isEnough: false }
      records.push(record)
      at = record.last
      characters += record.body.length
      if (at - after >= events || characters >= SEGMENT_CHARACTERS) return { records, isEnough: true }
    }
    if (result.length < count) break
    count = Math.max(1, Math.min(MOST_SEALED_RECORDS, Math.floor((records.length * SLICE_CHARACTERS) / characters)))
  }
  return { records, isEnough: false }
}
