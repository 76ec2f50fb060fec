import { ImportError, OutdatedCodeError, StorageError } from '../errors.ts'
import { recordsIn } from '../log/chunk.ts'
import { type CommandEntry, type CommitRecord, commandsOf, isCommit } from '../log/commit.ts'
import type { Sidecar } from '../log/stores.ts'
import type { EventTypesAtRuntime } from '../model/events.ts'
import { createBreather } from '../slices.ts'
import type { FileChunk } from './inOrder.ts'

/** Verifies that a chunk's commits are whole, have no gap, can be decoded, and use each command id once. Throws ImportError. */
export async function verifyCommits(
  chunk: FileChunk,
  types: EventTypesAtRuntime | undefined,
  signal: AbortSignal | undefined,
): Promise<Sidecar> {
  const { header, line } = chunk
  const entries = new Map<string, CommandEntry>()
  const known = new Map<string, [string, number]>()
  const breather = createBreather(signal)
  let last = header.first - 1
  let commit = ''

  for await (const records of readableCommits(chunk))
    for (const record of records) {
      try {
        check(record)
      } catch (error) {
        if (error instanceof ImportError || error instanceof OutdatedCodeError) throw error
        throw new ImportError(line, `the commit at ${last + 1} can't be read: ${error}`)
      }
      if (breather.isDue) await breather.rest()
    }
  if (last !== header.last) throw new ImportError(line, `ends at ${last} instead of ${header.last}`)
  return { entries: [...entries], types: [...known.values()], commit }

  function check(record: CommitRecord): void {
    const refuse = (reason: string): never => {
      throw new ImportError(line, `${reason} at ${last + 1}`)
    }
    if (!isCommit(record) || record.first !== last + 1) refuse('not the next commit')
    const commands = commandsOf(record)
    commit = record.id
    for (const { id, fingerprint, at, events } of commands) {
      if (typeof id !== 'string' || !Number.isFinite(at) || !Array.isArray(events) || !events.length)
        refuse('not a command')
      for (const { type, version = 1 } of events) {
        if (typeof type !== 'string' || !Number.isSafeInteger(version)) refuse('not an event')
        known.set(`${version} ${type}`, [type, version])
      }
      if (entries.has(id)) refuse(reusedId(id))
      last += events.length
      if (fingerprint !== undefined) entries.set(id, { sequence: last, commit: record.id, fingerprint })
    }
    if (last !== record.last) refuse(`the commit's numbers do not add up`)
    for (const { events } of types ? commands : []) for (const event of events) types?.today(event)
  }
}

export const reusedId = (id: string): string => `the command id "${id}" is used twice`

async function* readableCommits(chunk: FileChunk): AsyncGenerator<readonly CommitRecord[]> {
  try {
    yield* recordsIn(chunk)
  } catch (error) {
    if (error instanceof StorageError) throw error
    throw new ImportError(chunk.line, `not readable: ${error}`)
  }
}
