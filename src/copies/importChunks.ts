import { ImportError, OutdatedCodeError } from '../errors.ts'
import { randomId } from '../ids.ts'
import type { Database, LogIdentity } from '../log/database.ts'
import { isShared } from '../log/local.ts'
import type { KnownReactions } from '../log/openReactions.ts'
import type { Sidecar } from '../log/stores.ts'
import type { EventTypesAtRuntime } from '../model/events.ts'
import { chunksInOrder, type FileChunk } from './inOrder.ts'
import { publishStaged } from './publishStaged.ts'
import type { SentEntry } from './sentCopy.ts'
import { openStage, type Stage } from './staging.ts'
import type { Unsent } from './unsent.ts'
import { verifyBase } from './verifyBase.ts'
import { verifyCommits } from './verifyCommits.ts'

const NOT_ONLINE = "an archived log can't have a remote: import it under another name"

export interface ImportChunksOptions {
  /** If given, decodes every event, and throws OutdatedCodeError for one that this code does not know. */
  readonly types?: EventTypesAtRuntime
  readonly signal?: AbortSignal | undefined
  /** The chunks come from the mirror of a lost log. */
  readonly restoring?: boolean
  /** The log has a remote from now on. A log that has one already keeps it. */
  readonly shared?: boolean
  /** Returns the commands for the log's outbox. Called once all chunks are staged. */
  readonly unsent?: () => Unsent | undefined
  /** The positions and open events of the log's reactions. */
  readonly reactions?: KnownReactions | undefined
  /** The own commands of the log's events. */
  readonly sent?: readonly SentEntry[] | undefined
  /** Called after each chunk, with its last sequence. */
  readonly progress?: (sequence: number) => void
}

/**
 * Makes a log of chunks, in a database whose log is empty (rule 13). Verifies each chunk and stages it in `bodies`, then makes all of
 * them visible in one transaction, with a new log id and their own lineage. If a call is interrupted, the next call with the same chunks
 * continues with the staged chunks. Throws ImportError with the line and the reason, and then leaves nothing behind.
 */
export async function importChunks(
  database: Database,
  chunks: AsyncIterable<FileChunk>,
  options: ImportChunksOptions = {},
): Promise<{ readonly log: LogIdentity; readonly sequence: number }> {
  const { signal, restoring, shared, progress } = options
  const stage = await openStage(database)
  const lines: number[] = []
  let { lineage } = stage.before
  let base = 0
  let last = 0
  try {
    for await (const chunk of chunksInOrder(chunks)) {
      signal?.throwIfAborted()
      const { header, line } = chunk
      await stageChunk(stage, lines.length, chunk, options)
      lines.push(line)
      last = header.last
      lineage = header.lineage
      if (header.kind === 'base') base = last
      progress?.(last)
    }
    signal?.throwIfAborted()
    await stage.cut(lines.length)
    const isOnline = shared || isShared(stage.before)
    if (isOnline && base && !restoring) throw new ImportError(1, NOT_ONLINE)
    const log: LogIdentity = {
      id: randomId(),
      lineage,
      format: base ? (isOnline ? 4 : 2) : isOnline ? 3 : 1,
      // A tab that still has the old log id saw an empty log, so it can take the new id.
      was: stage.before.id,
      ...(base && { base }),
      ...(restoring ? { restored: { sequence: last, at: Date.now() } } : { imported: last }),
    }
    await publishStaged(database, stage, log, lines, { ...options, unsent: options.unsent?.() })
    return { log, sequence: last }
  } catch (error) {
    // These two errors refuse the file. After any other error, an import of the same file may continue.
    if (error instanceof ImportError || error instanceof OutdatedCodeError) await stage.clear().catch(() => {})
    throw error
  }
}

/** Verifies and stages the chunk at `n`, unless an earlier attempt has staged it. */
async function stageChunk(
  stage: Stage,
  n: number,
  chunk: FileChunk,
  { types, signal }: ImportChunksOptions,
): Promise<void> {
  const { header, line, bytes } = chunk
  const staged = await stage.find(n, header, line)
  if (staged) return assertKnownTypes(staged, types)
  const verified: { base?: string; sidecar: Sidecar } =
    header.kind === 'base' ? await verifyBase(chunk, signal) : { sidecar: await verifyCommits(chunk, types, signal) }
  const { first, last, codec, checksum } = header
  const { base, sidecar } = verified
  const made = { first, last, codec, checksum, bytes: header.bytes, ...(base !== undefined && { base }) }
  await stage.put(n, bytes, made, sidecar)
}

/** Throws OutdatedCodeError for an event that this code does not know: other code may have staged the chunk. */
function assertKnownTypes(sidecar: Sidecar, types: EventTypesAtRuntime | undefined): void {
  const unknown = sidecar.types.find(([type, version]) => types && !types.knows(type, version))
  if (unknown) throw new OutdatedCodeError(...unknown)
}
