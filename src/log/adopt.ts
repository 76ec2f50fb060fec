import { ImportError, OutdatedCodeError, StorageError } from '../errors.ts'
import type { EventTypesAtRuntime } from '../model/events.ts'
import { randomId } from '../model/model.ts'
import { archivedSegment, type Chunk, type ChunkHeader, linesOf, recordsOf, type SegmentRecord } from './chunk.ts'
import { type CommandEntry, type CommitRecord, commandsOf, eventsOf, isCommit } from './commit.ts'
import { above, type Database, type LogIdentity, type StoreOf } from './database.ts'
import { pause, SLICE } from './pause.ts'

/** A chunk of a file, and where it stands there. */
export interface FileChunk extends Chunk {
  readonly line: number
}

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

/** What becomes of a chunk beside its segment, under its body id and `+`. */
interface Beside {
  /** 64 bits for each command id. */
  readonly ids: Uint32Array
  readonly entries: readonly (readonly [id: string, CommandEntry])[]
  readonly types: readonly (readonly [type: string, version: number])[]
}

export interface AdoptOptions {
  /** With it every event is decoded: OutdatedCodeError for one that this code does not know. */
  readonly types?: EventTypesAtRuntime
  readonly signal?: AbortSignal | undefined
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
  { types, signal, progress }: AdoptOptions = {},
): Promise<{ readonly log: LogIdentity; readonly sequence: number }> {
  const { transact } = database
  const owner = randomId()
  const before = await begin(database, owner)
  const staged = [...before.staged.chunks]
  const seen = createSeen(before.staged.seed)
  let lineage: string | undefined
  let base = 0
  let last = 0
  let n = 0
  try {
    for await (const chunk of chunks) {
      signal?.throwIfAborted()
      const { header, line } = chunk
      const refuse = (reason: string): never => {
        throw new ImportError(line, reason)
      }
      lineage ??= header.lineage
      if (header.lineage !== lineage) refuse(`of another log: lineage ${header.lineage} instead of ${lineage}`)
      const isBase = header.kind === 'base'
      // An export of an archived log behind its archive files: the events themselves are here.
      if (isBase && last > 0 && header.last === last && !base) continue
      if (isBase ? last > base || (base && header.last !== base) : header.first !== last + 1)
        refuse(
          last
            ? `holds ${header.first} to ${header.last}, but ${last + 1} comes next`
            : `begins at ${header.first}: the archive files before it are missing`,
        )
      if (header.last < header.first) refuse('holds nothing')
      const known = staged[n]
      if (known && isSame(known, header)) {
        const [beside] = await transact(['bodies'], 'readonly', (store) => [store('bodies').get(`${known.body}+`)])
        const { ids, types: has }: Beside = beside?.result ?? refuse('what was staged is gone: import it again')
        const unknown = has.find(([type, version]) => types && !types.knows(type, version))
        if (unknown) throw new OutdatedCodeError(...unknown)
        for (let i = 0; i < ids.length; i += 2) seen.add(ids[i] as number, ids[i + 1] as number)
      } else {
        const { base, beside } = isBase ? await readBase(chunk, seen) : { base: undefined, beside: undefined }
        const one: Staged = {
          first: header.first,
          last: header.last,
          codec: header.codec,
          checksum: header.checksum,
          bytes: header.bytes,
          body: randomId(),
          ...(base !== undefined && { base }),
        }
        const also = beside ?? (await readCommits(chunk, seen, types, signal))
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
      if (isBase) base = last
      progress?.(last)
    }
    signal?.throwIfAborted()
    const superseded = staged.splice(n)
    if (superseded.length) await write(database, owner, (store) => drop(store, superseded))
    const log: LogIdentity = {
      id: randomId(),
      lineage: lineage ?? before.log.lineage,
      format: 1,
      // Whoever knows this log by its id of before knows it empty, and may go on with it.
      was: before.log.id,
      ...(base && { base }),
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
  }
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

const notEmpty = (): ImportError => new ImportError(1, 'the log is not empty: import into a new one')

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

/** Verifies a chunk's commits: whole, gapless, decodable, each command once. */
async function readCommits(
  chunk: FileChunk,
  seen: Seen,
  types: EventTypesAtRuntime | undefined,
  signal: AbortSignal | undefined,
): Promise<Beside> {
  const { header, line } = chunk
  const ids: number[] = []
  const entries: [string, CommandEntry][] = []
  const known = new Map<string, [string, number]>()
  let last = header.first - 1
  const records = await recordsOf(chunk).catch((error) => {
    throw new ImportError(line, `not readable: ${error}`)
  })
  let until = performance.now() + SLICE
  for (const record of records) {
    try {
      check(record)
    } catch (error) {
      if (error instanceof ImportError || error instanceof OutdatedCodeError) throw error
      throw new ImportError(line, `the commit at ${last + 1} can't be read: ${error}`)
    }
    if (performance.now() < until) continue
    await pause()
    signal?.throwIfAborted()
    until = performance.now() + SLICE
  }
  if (last !== header.last) throw new ImportError(line, `ends at ${last} instead of ${header.last}`)
  return { ids: Uint32Array.from(ids), entries, types: [...known.values()] }

  function check(record: CommitRecord): void {
    const refuse = (reason: string): never => {
      throw new ImportError(line, `${reason} at ${last + 1}`)
    }
    if (!isCommit(record) || record.first !== last + 1) refuse('not the next commit')
    for (const command of commandsOf(record)) {
      const { id, fingerprint, at, events } = command
      if (typeof id !== 'string' || !Number.isFinite(at) || !Array.isArray(events) || !events.length)
        refuse('not a command')
      for (const { type, version = 1 } of events) {
        if (typeof type !== 'string' || !Number.isSafeInteger(version)) refuse('not an event')
        known.set(`${version} ${type}`, [type, version])
      }
      const hash = seen.hash(id)
      if (!seen.add(...hash)) refuse(`command "${id}" stands there twice, again`)
      ids.push(...hash)
      last += events.length
      if (fingerprint !== undefined) entries.push([id, { sequence: last, commit: record.id, fingerprint }])
    }
    if (last !== record.last) refuse(`the commit's numbers do not add up`)
    if (types) eventsOf(record, types)
  }
}

/** A base as it was written, and which one it is. */
async function readBase({ header, bytes, line }: FileChunk, seen: Seen): Promise<{ base: string; beside: Beside }> {
  try {
    const [head = '', ...lines] = await linesOf({ header, bytes })
    const { identity, sequence, rows, commands, types } = JSON.parse(head)
    const parsed = lines.map((one) => JSON.parse(one))
    if (typeof identity === 'string' && identity) {
      const count = parsed.reduce((sum, page) => sum + page.rows.length, 0)
      if (sequence !== header.last || count !== rows) throw new RangeError(`${count} rows at ${sequence}`)
      return { base: identity, beside: { ids: new Uint32Array(), entries: [], types: [] } }
    }
    if (commands !== parsed.length) throw new RangeError(`${parsed.length} commands instead of ${commands}`)
    const ids: number[] = []
    for (const [id] of parsed) {
      const hash = seen.hash(id)
      if (!seen.add(...hash)) throw new RangeError(`command "${id}" stands there twice`)
      ids.push(...hash)
    }
    return { base: '', beside: { ids: Uint32Array.from(ids), entries: parsed, types } }
  } catch (error) {
    throw new ImportError(line, `not a base: ${error}`)
  }
}

type Seen = ReturnType<typeof createSeen>

/** Remembers ids by 64 bits each: the ids themselves would take more memory than an import may hold. */
function createSeen(seed: number) {
  let slots = new Uint32Array(8192)
  let count = 0

  function put(high: number, low: number): boolean {
    const mask = slots.length - 2
    let at = (low << 1) & mask
    for (; slots[at] || slots[at + 1]; at = (at + 2) & mask)
      if (slots[at] === high && slots[at + 1] === low) return false
    slots[at] = high
    slots[at + 1] = low
    return true
  }

  return {
    hash(id: string): [high: number, low: number] {
      let high = seed ^ 0xdeadbeef
      let low = seed ^ 0x41c6ce57
      for (let i = 0; i < id.length; i++) {
        const code = id.charCodeAt(i)
        high = Math.imul(high ^ code, 0x9e3779b1)
        low = Math.imul(low ^ code, 0x5f356495)
      }
      high = Math.imul(high ^ (high >>> 16), 0x85ebca6b) ^ Math.imul(low ^ (low >>> 13), 0xc2b2ae35)
      low = Math.imul(low ^ (low >>> 16), 0x85ebca6b) ^ Math.imul(high ^ (high >>> 13), 0xc2b2ae35)
      // Zero is an empty slot.
      return [high >>> 0, low >>> 0 || 1]
    },
    /** false: it was there. */
    add(high: number, low: number): boolean {
      if (++count * 4 > slots.length) {
        const before = slots
        slots = new Uint32Array(before.length * 2)
        for (let i = 0; i < before.length; i += 2) if (before[i + 1]) put(before[i] as number, before[i + 1] as number)
      }
      return put(high, low)
    },
  }
}
