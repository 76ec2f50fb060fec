import { CorruptLog, EngineClosed, StorageError } from '../errors.ts'
import { assertKnownFormat, type Chunk, openChunk, unpackChunk } from './chunk.ts'
import { above, type Database, readIdentity, type StoreOf } from './database.ts'
import type { Segment } from './follow.ts'
import type { SegmentRecord } from './stores.ts'

/** The bytes of a segment or a base, as far as the browser still has them. */
export type StoredBody = Pick<IDBRequest<Uint8Array<ArrayBuffer> | undefined>, 'result' | 'error'>

/** Queues the read of a body. One that can't be read fails alone: the rest of its transaction goes on. */
export function queueBody(store: StoreOf, id: string): IDBRequest<Uint8Array<ArrayBuffer> | undefined> {
  const request = store('bodies').get(id)
  request.onerror = (event) => {
    event.preventDefault()
    event.stopPropagation()
  }
  return request
}

/** A record of `segments` or `bases`, and the verified chunk that it stands for; undefined if there is no such record. */
export async function readRecordWithBody(
  database: Database,
  name: 'segments' | 'bases',
  query: IDBValidKey | IDBKeyRange,
): Promise<{ readonly record: SegmentRecord; readonly chunk: Chunk } | undefined> {
  const found = await readBoth(database, name, query).catch(async (error) => {
    if (!(error instanceof StorageError && error.kind === 'aborted')) throw error
    // A body that can't be read may take its whole transaction with it: the record may still be there.
    const { result } = await database.transact([name], 'readonly', (store) => store(name).get(query))
    // A StorageError that a transaction gave carries what the browser said.
    return { record: result, body: { result: undefined, error: error.cause as DOMException } }
  })
  const { record, body } = found
  return record && { record, chunk: await sealedChunk(database, record, body) }
}

/** The segment that holds the first event behind `after`, verified; undefined if none does. */
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
 * The verified chunk of a record. If the browser has lost it, it is taken from the mirror, and put back. Throws
 * `StorageError('lost')` if it can't be read and no mirror has it, CorruptLog if it is missing or not what was sealed,
 * EngineClosed if an archive took it, OutdatedCodeError for an unknown format or codec.
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
    // It may be lost again, or there is no room: the mirror still has it.
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

/** An empty log takes over the lineage of its remote; the connections of others hear of it here. */
async function hasOtherLineage(database: Database): Promise<boolean> {
  const { log } = database
  const now = log && (await readIdentity(database))
  if (!now || now.id !== log.id || now.lineage === log.lineage) return false
  database.log = now
  return true
}

/** undefined if these are not the bytes that the record stands for. */
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
