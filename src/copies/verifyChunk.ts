import { pause, SLICE_MS } from '../async.ts'
import { ImportError, OutdatedCodeError } from '../errors.ts'
import { type Chunk, linesOf, recordsIn } from '../log/chunk.ts'
import { type CommandEntry, type CommitRecord, commandsOf, isCommit } from '../log/commit.ts'
import { release } from '../log/gzip.ts'
import type { EventTypesAtRuntime } from '../model/events.ts'

/** A chunk of a file, and where it stands there. */
export interface FileChunk extends Chunk {
  readonly line: number
}

/** What becomes of a chunk beside its segment, under its body id and `+`. */
export interface Beside {
  /** 64 bits for each command id. */
  readonly ids: Uint32Array
  readonly entries: readonly (readonly [id: string, CommandEntry])[]
  readonly types: readonly (readonly [type: string, version: number])[]
}

/**
 * Chunks as they have to follow each other: of one lineage, gapless from 1 or from a base. Bases behind the events that they
 * stand for are left out: an export of an archived log, after its archive files. Throws ImportError.
 */
export async function* inOrder(chunks: AsyncIterable<FileChunk>): AsyncGenerator<FileChunk, void> {
  let lineage: string | undefined
  let base = 0
  let last = 0
  for await (const chunk of chunks) {
    const { header, line } = chunk
    const refuse = (reason: string): never => {
      throw new ImportError(line, reason)
    }
    lineage ??= header.lineage
    if (header.lineage !== lineage) refuse(`of another log: lineage ${header.lineage} instead of ${lineage}`)
    if (header.kind === 'end') {
      if (header.last !== last) refuse(`the file ends at ${header.last}, not at ${last}`)
      continue
    }
    if (header.last < header.first) refuse('holds nothing')
    const isBase = header.kind === 'base'
    if (isBase && !base && last && header.last === last) continue
    const fits = isBase ? last === base && (!base || header.last === base) : header.first === last + 1
    if (!fits && last) refuse(`holds ${header.first} to ${header.last}, but ${last + 1} comes next`)
    if (!fits) refuse(`begins at ${header.first}: the archive files before it are missing`)
    last = header.last
    if (isBase) base = last
    yield chunk
  }
}

/** Verifies a chunk's commits: whole, gapless, decodable, each command once. */
export async function verifyCommits(
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
  let until = performance.now() + SLICE_MS
  for await (const records of readable(chunk))
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
      until = performance.now() + SLICE_MS
    }
  if (last !== header.last) throw new ImportError(line, `ends at ${last} instead of ${header.last}`)
  return { ids: Uint32Array.from(ids), entries, types: [...known.values()] }

  function check(record: CommitRecord): void {
    const refuse = (reason: string): never => {
      throw new ImportError(line, `${reason} at ${last + 1}`)
    }
    if (!isCommit(record) || record.first !== last + 1) refuse('not the next commit')
    const commands = commandsOf(record)
    for (const command of commands) {
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
    for (const { events } of types ? commands : []) for (const event of events) types?.today(event)
  }
}

async function* readable(chunk: FileChunk): AsyncGenerator<readonly CommitRecord[]> {
  try {
    yield* recordsIn(chunk)
  } catch (error) {
    throw new ImportError(chunk.line, `not readable: ${error}`)
  }
}

/** A base as it was written, and which one it is. */
export async function verifyBase(
  { header, bytes, line }: FileChunk,
  seen: Seen,
): Promise<{ base: string; beside: Beside }> {
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

export type Seen = ReturnType<typeof createSeen>

/** Tables that ids are spread over. Each grows for itself: one large one would stand there twice while it does, and block the page. */
const TABLES = 64

/** Remembers ids by 64 bits each: the ids themselves would take more memory than an import may hold. */
export function createSeen(seed: number): {
  hash(id: string): [high: number, low: number]
  /** false: it was there. */
  add(high: number, low: number): boolean
  /** Nobody asks any more. */
  forget(): void
} {
  const tables = Array.from({ length: TABLES }, createTable)
  return {
    hash(id) {
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
    add: (high, low) => (tables[high % TABLES] as (typeof tables)[0]).add(high, low),
    forget() {
      for (const table of tables) table.forget()
    },
  }
}

function createTable(): Pick<Seen, 'add' | 'forget'> {
  let slots = new Uint32Array(256)
  let count = 0

  function put(high: number, low: number): boolean {
    // Its share of the whole, so that a table may have any length.
    let at = 2 * Math.floor((low / 2 ** 33) * slots.length)
    for (; slots[at] || slots[at + 1]; at = (at + 2) % slots.length)
      if (slots[at] === high && slots[at + 1] === low) return false
    slots[at] = high
    slots[at + 1] = low
    return true
  }

  return {
    add(high, low) {
      // In small steps, from 64 to 80 percent full: a table that doubles is down to 40.
      if (++count * 2.5 > slots.length) {
        const before = slots
        slots = new Uint32Array(2 * Math.ceil(before.length * 0.625))
        for (let i = 0; i < before.length; i += 2) if (before[i + 1]) put(before[i] as number, before[i + 1] as number)
        release(before)
      }
      return put(high, low)
    },
    forget() {
      release(slots)
    },
  }
}
