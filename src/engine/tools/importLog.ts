import { importChunks } from '../../copies/importChunks.ts'
import { chunksInOrder, type FileChunk } from '../../copies/inOrder.ts'
import { readChunks } from '../../copies/readChunks.ts'
import { notEmpty } from '../../copies/staging.ts'
import { reusedId, verifyCommits } from '../../copies/verifyCommits.ts'
import { ImportError } from '../../errors.ts'
import { recordsIn } from '../../log/chunk.ts'
import type { CommitRecord } from '../../log/commit.ts'
import type { Sidecar } from '../../log/stores.ts'
import type { Core } from '../core.ts'
import type { Engine } from '../types.ts'
import { openCore, type Watch } from './openCore.ts'
import { shownUpTo, switchToLog } from './switchToLog.ts'

/**
 * Fills an empty log from an export, or from archive files and an export in their order.
 * @example
 * ```ts
 * const { sequence } = await importLog(engine, file, { onProgress: ({ done, total }) => {} })
 * ```
 *
 * Everything is verified before anything is visible. `ImportError` names the line (each chunk of the files is one, counted
 * from 1) and the reason, `OutdatedCodeError` the event that this model does not know. If an import is interrupted, the next import of
 * the same files takes it up. `onProgress` counts bytes; `total` is 0 for a stream, whose length is unknown. Once everything is verified,
 * the log is filled, and the signal only ends the wait until this engine shows the events.
 */
export async function importLog(
  engine: Engine<any, any, any>,
  file: Blob | ReadableStream<Uint8Array> | readonly Blob[],
  { signal, onProgress }: Watch = {},
): Promise<{ readonly sequence: number }> {
  const core = openCore(engine)
  signal?.throwIfAborted()
  if (core.state !== 'ready') throw core.error
  const files = Array.isArray(file) ? file : [file]
  const total = files.reduce((sum, one) => sum + ('size' in one ? one.size : 0), 0)
  const chunks = chunksOf(files, (done) => onProgress?.({ phase: 'import', done, total }))
  const { database } = core
  if (!database) return intoMemory(core, chunks, signal)
  const { log, sequence } = await importChunks(database, chunks, { types: core.types, signal })
  await switchToLog(core, log, sequence)
  await shownUpTo(core, sequence, signal)
  // Persists the projections for the next boot. The caller need not wait for that.
  core.host?.flush().catch(() => {})
  return { sequence }
}

/** The chunks of all files, one after the other. Throws ImportError if a file has no end. */
async function* chunksOf(
  files: readonly (Blob | ReadableStream<Uint8Array>)[],
  progress: (done: number) => void,
): AsyncGenerator<FileChunk, void> {
  let line = 0
  let done = 0
  for (const file of files) {
    let first: number | undefined
    let last = 0
    let ended = false
    for await (const chunk of readChunks(file, line)) {
      const { header, bytes } = chunk
      line = chunk.line
      ended = header.kind === 'end'
      if (header.kind === 'base') {
        first = header.last + 1
        last = header.last
      } else if (!ended) {
        first ??= header.first
        last = header.last
      } else if (header.first !== (first ?? last + 1) || header.last !== last) {
        throw new ImportError(
          line,
          `ends as ${header.first} to ${header.last}, but holds ${first ?? last + 1} to ${last}`,
        )
      } else first = undefined
      yield chunk
      done += bytes.length
      progress(done)
    }
    if (!ended) throw new ImportError(line + 1, 'the file is cut: its end is missing')
  }
}

/** Imports into a log in memory, with the same checks. */
async function intoMemory(
  core: Core,
  chunks: AsyncGenerator<FileChunk, void>,
  signal: AbortSignal | undefined,
): Promise<{ readonly sequence: number }> {
  if (core.tip) throw notEmpty()
  const used = new Set<string>()
  const entries = new Map<string, Sidecar['entries'][0][]>()
  const all: CommitRecord[] = []
  for await (const chunk of chunksInOrder(chunks)) {
    signal?.throwIfAborted()
    const { line } = chunk
    if (chunk.header.kind === 'base')
      throw new ImportError(
        line,
        'the file begins at a base, because its log was archived. Import it into a stored log, not into memory',
      )
    const sidecar = await verifyCommits(chunk, core.types, signal)
    for (const entry of sidecar.entries) {
      const [id, { commit }] = entry
      if (used.has(id)) throw new ImportError(line, reusedId(id))
      used.add(id)
      const others = entries.get(commit)
      if (others) others.push(entry)
      else entries.set(commit, [entry])
    }
    for await (const records of recordsIn(chunk)) all.push(...records)
  }
  if (core.tip) throw notEmpty()
  // Starts all appends before the first answer, so that no command can come between.
  const appended = await Promise.all(
    all.map((record) =>
      core.log.append(record, { types: [], entries: entries.get(record.id) ?? [], durability: 'relaxed' }),
    ),
  )
  if (appended.some((outcome) => outcome !== 'appended')) throw notEmpty()
  core.behind = true
  core.pump()
  const sequence = all.at(-1)?.last ?? 0
  await shownUpTo(core, sequence, signal)
  return { sequence }
}
