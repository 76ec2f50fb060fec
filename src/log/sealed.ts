import { CorruptLog, EngineClosed, StorageError } from '../errors.ts'
import { assertKnownFormat, type Chunk, openChunk, unpackChunk } from './chunk.ts'
import { above, type Database, readIdentity, type StoreOf } from './database.ts'
import type { Segment } from './readRecords.ts'
import type { SegmentRecord } from './stores.ts'

/** The bytes of a segment or a base, as far as the browser still has them. */
export type StoredBody = Pick<IDBRequest<Uint8Array<ArrayBuffer> | undefined>, 'result' | 'error'>

/** Queues the read of a body. If the body can't be read, only this request fails: the transaction goes on. */
export function queueBody(store: StoreOf, id: string): IDBRequest<Uint8Array<ArrayBuffer> | undefined> {
  const request = store('bodies').get(id)
  request.onerror = (event) => {
    event.preventDefault()
    event.stopPropagation()
  }
  return request
}

/** Reads a record of `segments` or `bases` and its verified chunk; undefined if there is no such record. */
export async function readRecordWithBody(
  database: Database,
  name: 'segments' | 'bases',
  query: IDBValidKey | IDBKeyRange,
): Promise<{ readonly record: SegmentRecord; readonly chunk: Chunk } | undefined> {
  const found = await readBoth(database, name, query).catch(async (error) => {
    if (!(error instanceof StorageError && error.kind === 'aborted')) throw error
    // A body that can't be read may abort the whole transaction. The record may still be readable.
    const { result } = await database.transact([name], 'readonly', (store) => store(name).get(query))
    // A StorageError that a transaction gave carries what the browser said.
    return { record: result, body: { result: undefined, error: error.cause as DOMException } }
  })
  const { record, body } = found
  return record && { record, chunk: await sealedChunk(database, record, body) }
}

/** Reads and verifies the segment that holds the first event after `after`; undefined if there is none. */
export async function readSegment(database: Database, after: number): Promise<Segment | undefined> {
  const found = await readRecordWithBody(database, 'segments', above(after))
  return found && { last: found.record.last, parts: unpackChunk(after, found.chunk) }
}

async function readBoth(
  { transact }: Database,
  name: 'segments' | 'bases',
  query: IDBValidKey | IDBKeyRange,
): Promise<{ record: SegmentRecord | undefined; body: StoredBody | undefined }> {
  let body: StoredBody | undefined
  const found = await transact([name, 'bodies'], 'readonly', (store) => {
    body = undefined
    const record = store(name).get(query)
    record.onsuccess = () => {
      if (record.result?.body) body = queueBody(store, record.result.body)
    }
    return record
  })
  return { record: found.result, body }
}

/**
 * The verified chunk of a record. If its body is damaged or lost, takes it from the mirror and puts it back. If no mirror has it, throws
 * `StorageError('lost')` for a body that can't be read, and CorruptLog for one that is missing or is not what was sealed.
 * Throws EngineClosed if an archive has moved the events, OutdatedCodeError for an unknown format or codec.
 */
export async function sealedChunk(
  database: Database,
  record: SegmentRecord,
  body: StoredBody | undefined,
): Promise<Chunk> {
  // A reader below the base opened this log before it was archived.
  if (record.codec === 'archived') throw new EngineClosed('log replaced')
  assertKnownFormat(record)
  const stored = body?.error ? undefined : body?.result
  const whole =
    chunkOf(database, record, stored) ??
    ((await hasOtherLineage(database)) ? chunkOf(database, record, stored) : undefined)
  if (whole) return whole
  const rescued = await database.rescue?.(record)
  const chunk = chunkOf(database, record, rescued)
  if (chunk) {
    // If it can't be put back, on a full disk say, the mirror still has it.
    await putBack(database, record, chunk).catch(() => {})
    return chunk
  }
  if (!body?.error) throw new CorruptLog(record.first)
  throw new StorageError(
    'lost',
    `The browser can't read events ${record.first} to ${record.last} of "${database.name}" now, and no second copy has ` +
      `them: ${body.error}. Nothing was changed.`,
    body.error,
  )
}

/**
 * An empty log takes over the lineage of its remote, and a connection that was opened before still compares the old one. Reads the lineage
 * again and returns whether it has changed.
 */
async function hasOtherLineage(database: Database): Promise<boolean> {
  const { log } = database
  const now = log && (await readIdentity(database))
  if (!now || now.id !== log.id || now.lineage === log.lineage) return false
  database.log = now
  return true
}

/** Opens the chunk in these bytes; undefined if they are not what the record says. */
function chunkOf({ log }: Database, record: SegmentRecord, bytes: unknown): Chunk | undefined {
  // IndexedDB gives back no shared memory.
  const chunk = bytes instanceof Uint8Array ? openChunk(bytes as Uint8Array<ArrayBuffer>) : undefined
  const { checksum, lineage, first, last } = chunk?.header ?? {}
  if (!chunk || checksum !== record.checksum || first !== record.first || last !== record.last) return
  if (log && lineage !== log.lineage) return
  assertKnownFormat(chunk.header)
  return chunk
}

const putBack = ({ transact }: Database, { body }: SegmentRecord, { bytes }: Chunk): Promise<unknown> =>
  transact(['bodies'], 'readwrite', (store) => store('bodies').put(bytes, body))
