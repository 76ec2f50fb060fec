import { ImportError } from '../errors.ts'
import { assertKnownFormat, type Chunk, chunkHeaderOf, isWholeChunk } from '../log/chunk.ts'

/** The most characters of a header line. */
const LONGEST_HEADER_CHARACTERS = 65_536

/**
 * Reads the chunks of a file and verifies their checksums. `line` counts them from `before + 1`. Keeps one chunk in memory at a time.
 * Throws ImportError with the line and the reason, and OutdatedCodeError for a newer format or codec.
 */
export async function* readChunks(
  file: Blob | ReadableStream<Uint8Array>,
  before: number = 0,
): AsyncGenerator<Chunk & { readonly line: number }, void> {
  const reader = ('getReader' in file ? file : file.stream()).getReader()
  /** Bytes that were read and not used yet. */
  let rest = new Uint8Array()
  let ended = false

  /** Reads until `rest` has this many bytes, or the file ends. Returns whether it has. */
  async function fill(length: number): Promise<boolean> {
    const parts = [rest]
    let filled = rest.length
    while (filled < length && !ended) {
      const { done, value } = await reader.read()
      ended = done
      if (!value) continue
      // The stream of a file never yields shared memory.
      parts.push(value as typeof rest)
      filled += value.length
    }
    if (parts.length > 1) {
      rest = new Uint8Array(filled)
      let at = 0
      for (const part of parts) {
        rest.set(part, at)
        at += part.length
      }
    }
    return filled >= length
  }

  try {
    for (let line = before + 1; await fill(1); line++) {
      const refuse = (reason: string): never => {
        throw new ImportError(line, reason)
      }
      let end = rest.indexOf(10)
      while (end < 0 && rest.length < LONGEST_HEADER_CHARACTERS && (await fill(rest.length + 1))) end = rest.indexOf(10)
      if (end < 0 && ended) refuse('the file is cut in the middle of a header')
      const text = new TextDecoder('utf-8', { ignoreBOM: true }).decode(rest.subarray(0, Math.max(0, end)))
      const header = chunkHeaderOf(text) ?? refuse('not the header of a chunk')
      const size = end + 1 + header.bytes
      if (!(await fill(size))) refuse(`the file is cut: ${size - rest.length} bytes are missing`)
      const bytes = rest.slice(0, size)
      rest = rest.subarray(size)
      if (!isWholeChunk(text, header, bytes.subarray(end + 1)))
        refuse('the checksum does not fit: the file was changed')
      assertKnownFormat(header)
      yield { header, bytes, line }
    }
  } finally {
    await reader.cancel().catch(() => {})
  }
}
