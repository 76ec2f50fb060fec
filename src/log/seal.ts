import { randomId } from '../model/model.ts'
import { deleteIf } from './append.ts'
import { packChunk, type SegmentRecord } from './chunk.ts'
import { type CommitRecord, commandsOf, isCommit } from './commit.ts'
import { type Database, keyOf, type LogIdentity } from './database.ts'

/** Events of a segment: large enough to read at the speed of packed records. */
export const SEGMENT_EVENTS = 16_384
/** And its characters: few enough to unpack a segment for one of its events. */
export const SEGMENT_CHARACTERS = 1_048_576

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
  const newestOf = (store: IDBObjectStore): IDBRequest<IDBCursor | null> => store.openKeyCursor(null, 'prev')

  const records: CommitRecord[] = []
  let enough = false
  const [found, log] = await transact(['segments', 'commits', 'meta'], 'readonly', (store) => {
    const newest = newestOf(store('segments'))
    newest.onsuccess = () => {
      const after = keyOf(newest)
      let characters = 0
      const cursor = store('commits').openCursor(IDBKeyRange.lowerBound(after + 1))
      cursor.onsuccess = () => {
        const record: unknown = cursor.result?.value
        if (!isCommit(record) || record.last > limit || record.first !== (records.at(-1)?.last ?? after) + 1) return
        records.push(record)
        characters += record.body.length
        enough = record.last - after >= events || characters >= SEGMENT_CHARACTERS
        if (!enough) cursor.result?.continue()
      }
    }
    return [newest, store('meta').get('log') as IDBRequest<LogIdentity>] as const
  })
  if (!enough && !(rest && records.length)) return false
  const { header, bytes } = await packChunk(log.result, records)
  const { first, last, codec, checksum } = header
  const segment: SegmentRecord = { first, last, codec, checksum, body: randomId() }
  const after = keyOf(found)
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
        const record: unknown = left.result?.value
        if (!left.result) return
        if (isCommit(record))
          for (const { id } of commandsOf(record)) deleteIf(store('commands'), id, 'commit', record.id)
        left.result.delete()
        left.result.continue()
      }
    }
  })
  return sealed
}
