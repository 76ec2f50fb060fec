import { ImportError, OutdatedCodeError, StorageError } from '../errors.ts'
import { randomId } from '../ids.ts'
import { archivedSegment, type ChunkHeader, type SegmentRecord } from '../log/chunk.ts'
import { above, type Database, type LogIdentity, type StoreOf } from '../log/database.ts'
import type { EventTypesAtRuntime } from '../model/events.ts'
import { type Beside, createSeen, type FileChunk, inOrder, verifyBase, verifyCommits } from './verifyChunk.ts'

/** A verified chunk in `bodies` that nobody reads yet. */
interface Staged extends SegmentRecord {
  readonly bytes: number
  /** Of the projection whose rows a base has; `''`: what else an archived log stands on. */
  readonly base?: string
}

/** Under 'staged' in `meta`. */
interface Staging {
  /** Who stages. Another import takes over by writing its own. */
  readonly owner: string
  readonly seed: number
  readonly chunks: readonly Staged[]
}

export interface AdoptOptions {
  /** With it every event is decoded: OutdatedCodeError for one that this code does not know. */
  readonly types?: EventTypesAtRuntime
  readonly signal?: AbortSignal | undefined
  /** The chunks are a mirror's, what was lost comes back. */
  readonly restoring?: boolean
  /** Told after each chunk, with its last sequence. */
  readonly progress?: (sequence: number) => void
}

/**
 * Makes a log of chunks, in a database whose log is empty (rule 13): stages each one in `bodies` once it is verified,
 * then shows all of them in one transaction, under a new log id and the lineage that they have. What was staged before an
 * interruption is taken up by the next call with the same chunks. Throws ImportError with the line and the reason, and
 * then leaves nothing behind.
 */
export async function adopt(
  database: Database,
  chunks: AsyncIterable<FileChunk>,
  { types, signal, restoring, progress }: AdoptOptions = {},
): Promise<{ readonly log: LogIdentity; readonly sequence: number }> {
  const { transact } = database
  const owner = randomId()
  const before = await begin(database, owner)
  const staged = [...before.staged.chunks]
  const seen = createSeen(before.staged.seed)
  let lineage = before.log.lineage
  let base = 0
  let last = 0
  let n = 0
  try {
    for await (const chunk of inOrder(chunks)) {
      signal?.throwIfAborted()
      const { header, line } = chunk
      const isBase = header.kind === 'base'
      const known = staged[n]
      if (known && isSame(known, header)) {
        const [beside] = await transact(['bodies'], 'readonly', (store) => [store('bodies').get(`${known.body}+`)])
        const { ids, types: has }: Beside = beside?.result ?? gone(line)
        const unknown = has.find(([type, version]) => types && !types.knows(type, version))
        if (unknown) throw new OutdatedCodeError(...unknown)
        for (let i = 0; i < ids.length; i += 2) seen.add(ids[i] as number, ids[i + 1] as number)
      } else {
        const { base, beside } = isBase ? await verifyBase(chunk, seen) : { base: undefined, beside: undefined }
        const one: Staged = {
          first: header.first,
          last: header.last,
          codec: header.codec,
          checksum: header.checksum,
          bytes: header.bytes,
          body: randomId(),
          ...(base !== undefined && { base }),
        }
        const also = beside ?? (await verifyCommits(chunk, seen, types, signal))
        const superseded = staged.splice(n, staged.length, one)
        await write(database, owner, (store) => {
          drop(store, superseded)
          store('bodies').put(chunk.bytes, one.body)
          store('bodies').put(also, `${one.body}+`)
          store('meta').put({ ...before.staged, chunks: [...staged] } satisfies Staging, 'staged')
        })
      }
      n++
      last = header.last
      lineage = header.lineage
      if (isBase) base = last
      progress?.(last)
    }
    signal?.throwIfAborted()
    const superseded = staged.splice(n)
    if (superseded.length) await write(database, owner, (store) => drop(store, superseded))
    const log: LogIdentity = {
      id: randomId(),
      lineage,
      format: base ? 2 : 1,
      // Whoever knows this log by its id of before knows it empty, and may go on with it.
      was: before.log.id,
      ...(base && { base }),
      ...(restoring && { restored: { sequence: last, at: Date.now() } }),
    }
    await show(database, owner, before.log, log, staged)
    return { log, sequence: last }
  } catch (error) {
    // A verdict about the file; after everything else the same file may be taken up again.
    if (error instanceof ImportError || error instanceof OutdatedCodeError)
      await write(database, owner, (store, { chunks }) => {
        drop(store, chunks)
        store('meta').delete('staged')
      }).catch(() => {})
    throw error
  } finally {
    seen.forget()
  }
}

const gone = (line: number): never => {
  throw new ImportError(line, 'what was staged is gone: import it again')
}

const isSame = (one: Staged, { first, last, checksum, bytes }: ChunkHeader): boolean =>
  one.first === first && one.last === last && one.checksum === checksum && one.bytes === bytes

function drop(store: StoreOf, chunks: readonly Staged[]): void {
  for (const { body } of chunks) {
    store('bodies').delete(body)
    store('bodies').delete(`${body}+`)
  }
}

const isEmpty = (found: readonly IDBRequest[]): boolean => found.every(({ result }) => result === undefined)

export const NOT_EMPTY = 'the log is not empty: import into a new one'
const notEmpty = (): ImportError => new ImportError(1, NOT_EMPTY)

/** Takes over what is staged, and checks that the log is empty. */
async function begin({ transact }: Database, owner: string): Promise<{ log: LogIdentity; staged: Staging }> {
  const made: Staging = { owner, seed: crypto.getRandomValues(new Uint32Array(1))[0] as number, chunks: [] }
  const begun = await transact(['meta', 'segments', 'commits', 'bodies'], 'readwrite', (store) => {
    const log: IDBRequest<LogIdentity> = store('meta').get('log')
    const found = [store('segments').getKey(above(0)), store('commits').getKey(above(0))]
    const staged: IDBRequest<Staging | undefined> = store('meta').get('staged')
    staged.onsuccess = () => {
      if (isEmpty(found)) store('meta').put({ ...made, ...staged.result, owner }, 'staged')
      else if (staged.result) {
        drop(store, staged.result.chunks)
        store('meta').delete('staged')
      }
    }
    return { log, found, staged }
  })
  if (!isEmpty(begun.found)) throw notEmpty()
  return { log: begun.log.result, staged: { ...made, ...begun.staged.result, owner } }
}

/** Writes to the staging while it is this import's own. */
async function write(
  { transact }: Database,
  owner: string,
  body: (store: StoreOf, staging: Staging) => void,
): Promise<void> {
  let own = false
  await transact(['meta', 'bodies'], 'readwrite', (store) => {
    const staged: IDBRequest<Staging | undefined> = store('meta').get('staged')
    staged.onsuccess = () => {
      own = staged.result?.owner === owner
      if (own) body(store, staged.result as Staging)
    }
  })
  if (!own) throw new StorageError('aborted', 'another import of this log took over')
}

/** The one transaction that makes it visible. */
async function show(
  database: Database,
  owner: string,
  before: LogIdentity,
  log: LogIdentity,
  chunks: readonly Staged[],
): Promise<void> {
  let refusal: Error | undefined
  const body = (store: StoreOf): void => {
    const was: IDBRequest<LogIdentity> = store('meta').get('log')
    const found = [store('segments').getKey(above(0)), store('commits').getKey(above(0))]
    const staged: IDBRequest<Staging | undefined> = store('meta').get('staged')
    staged.onsuccess = () => {
      if (!isEmpty(found)) refusal = notEmpty()
      else if (was.result.id !== before.id || staged.result?.owner !== owner)
        refusal = new StorageError('aborted', 'another import of this log took over')
      if (refusal) return
      // Nothing of an empty log is worth keeping.
      for (const name of ['commands', 'types', 'bases', 'pages', 'rowEvents', 'checkpoints'] as const)
        store(name).clear()
      for (const name of ['staged', 'builds']) store('meta').delete(name)
      store('meta').put(log, 'log')
      if (log.base) store('segments').put(archivedSegment(log.base), log.base)
      for (const { base, bytes: _, ...segment } of chunks) {
        if (base === undefined) store('segments').put(segment, segment.last)
        else if (base) store('bases').put(segment, base)
        else store('bodies').delete(segment.body)
      }
      const next = (i: number): void => {
        const chunk = chunks[i]
        if (!chunk) return
        const beside: IDBRequest<Beside> = store('bodies').get(`${chunk.body}+`)
        beside.onsuccess = () => {
          for (const [id, entry] of beside.result.entries) store('commands').add(entry, id)
          for (const [type, version] of beside.result.types) store('types').put({ type, version }, [type, version])
          store('bodies').delete(`${chunk.body}+`)
          next(i + 1)
        }
      }
      next(0)
    }
  }
  const stores: Parameters<Database['transact']>[0] = [
    'meta',
    'segments',
    'commits',
    'bodies',
    'commands',
    'types',
    'bases',
    'pages',
    'rowEvents',
    'checkpoints',
  ]
  try {
    // A log that came from elsewhere may stand nowhere else any more.
    await database.transact(stores, 'readwrite', body, 'strict')
  } catch (error) {
    // The answer may be lost, not the transaction.
    const found = await database.transact(['meta'], 'readonly', (store) => store('meta').get('log'))
    if (found.result?.id !== log.id) throw error
  }
  if (refusal) throw refusal
  database.log = log
}
