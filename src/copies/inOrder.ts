import { ImportError } from '../errors.ts'
import type { Chunk } from '../log/chunk.ts'

/** A chunk of a file, and its place among the file's chunks: `line` counts from 1. */
export interface FileChunk extends Chunk {
  readonly line: number
}

/**
 * Checks that chunks follow each other: one lineage, without a gap, from event 1 or from a base. A base that comes after the events that
 * it replaces is left out, so an export of an archived log may follow its archive files. Throws ImportError.
 */
export async function* chunksInOrder(chunks: AsyncIterable<FileChunk>): AsyncGenerator<FileChunk, void> {
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
