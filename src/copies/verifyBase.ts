import { ImportError, StorageError } from '../errors.ts'
import { linesIn } from '../log/chunk.ts'
import type { CommandEntry } from '../log/commit.ts'
import type { Sidecar } from '../log/stores.ts'
import { createBreather } from '../slices.ts'
import type { FileChunk } from './inOrder.ts'

/** The most command ids of one chunk of a base: four times as many as an export puts into one. */
const MOST_COMMANDS = 65_536

export interface VerifiedBase {
  /** The projection's identity; `''`: the command ids and types of the archived log. */
  readonly base: string
  readonly sidecar: Sidecar
}

/** Verifies a base line by line, because it may have many rows. Throws ImportError. */
export async function verifyBase(chunk: FileChunk, signal: AbortSignal | undefined): Promise<VerifiedBase> {
  try {
    return await verifyRows(chunk, signal)
  } catch (error) {
    if (signal?.aborted || error instanceof StorageError) throw error
    throw new ImportError(chunk.line, `not a base: ${error}`)
  }
}

async function verifyRows(chunk: FileChunk, signal: AbortSignal | undefined): Promise<VerifiedBase> {
  const breather = createBreather(signal)
  let head: Record<string, any> | undefined
  const entries: [string, CommandEntry][] = []
  let count = 0
  for await (const lines of linesIn(chunk))
    for (const line of lines) {
      const value = JSON.parse(line)
      if (!head) head = value
      else if (head.identity) count += value.rows.length
      else if (entries.push(value) > MOST_COMMANDS) throw new RangeError(`more than ${MOST_COMMANDS} commands`)
      if (breather.isDue) await breather.rest()
    }
  const { identity, sequence, rows, commands, types } = head ?? {}
  if (typeof identity === 'string' && identity) {
    if (sequence !== chunk.header.last || count !== rows) throw new RangeError(`${count} rows at ${sequence}`)
    return { base: identity, sidecar: { entries: [], types: [] } }
  }
  if (commands !== entries.length) throw new RangeError(`${entries.length} commands instead of ${commands}`)
  return { base: '', sidecar: { entries, types } }
}
