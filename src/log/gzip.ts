import { StorageError } from '../errors.ts'

/** Bytes that a stream gets at once. Its reader gets a turn after each. */
const SLICE_BYTES = 16_384

/** The text of a chunk is none that a writer makes. */
export class BadText extends Error {}

/** Compresses text with gzip, in parts. */
export async function compressed(text: Iterable<string>): Promise<Uint8Array[]> {
  const parts: Uint8Array[] = []
  for await (const part of through(
    encoded(text),
    codec(() => new CompressionStream('gzip')),
  ))
    parts.push(part)
  return parts
}

/** Decompresses gzip, in parts. Throws BadText for bytes that are not gzip. */
export async function* decompressed(bytes: Uint8Array<ArrayBuffer>): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const stream = codec(() => new DecompressionStream('gzip'))
  try {
    yield* through(sliced(bytes), stream)
  } catch (error) {
    throw isBadData(error) ? new BadText(`not gzip: ${error}`) : noCompression(error)
  }
}

/** For bytes that are not gzip, the standard says TypeError, and Node throws an error with a code of zlib. */
const isBadData = (error: unknown): boolean => {
  // Checked below.
  const { code } = (error ?? {}) as { code?: unknown }
  return error instanceof TypeError || (typeof code === 'string' && code.startsWith('Z_'))
}

/** Creates a codec. If that fails, the error says nothing about the bytes. */
function codec<T>(create: () => T): T {
  try {
    return create()
  } catch (error) {
    throw noCompression(error)
  }
}

const noCompression = (cause: unknown): StorageError =>
  new StorageError(
    'unavailable',
    `This browser can't run its gzip codec now: ${cause}. Nothing is wrong with the log.`,
    cause,
  )

function* sliced(bytes: Uint8Array<ArrayBuffer>): Generator<Uint8Array<ArrayBuffer>> {
  for (let at = 0; at < bytes.length; at += SLICE_BYTES) yield bytes.subarray(at, at + SLICE_BYTES)
}

/** Encodes text as UTF-8 in slices, so that the whole text is never one string or one buffer. */
function* encoded(text: Iterable<string>): Generator<Uint8Array<ArrayBuffer>> {
  const encoder = new TextEncoder()
  let slice = new Uint8Array()
  let filled = 0
  for (const piece of text) {
    for (let at = 0; at < piece.length; ) {
      // A character takes four bytes at most.
      if (filled + 4 > slice.length) {
        if (filled) yield slice.subarray(0, filled)
        slice = new Uint8Array(SLICE_BYTES)
        filled = 0
      }
      // Passes no more than fits, because browsers copy the string. Never splits a surrogate pair.
      let end = at + slice.length - filled
      if (piece.codePointAt(end - 1)! > 0xffff) end--
      const { read, written } = encoder.encodeInto(piece.slice(at, end), slice.subarray(filled))
      at += read
      filled += written
    }
  }
  if (filled) yield slice.subarray(0, filled)
}

/** Pumps the slices through by hand: a Blob before the stream and a Response after it cost ten times as much as the stream. */
async function* through(
  slices: Iterable<Uint8Array<ArrayBuffer>>,
  { writable, readable }: CompressionStream | DecompressionStream,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const writer = writable.getWriter()
  const write = async (): Promise<void> => {
    for (const slice of slices) {
      await writer.ready
      await writer.write(slice)
    }
    await writer.close()
  }
  // An error of the stream reaches the reader by itself. `abort` passes on an error of the slices, too.
  write().catch((error) => writer.abort(error).catch(() => {}))
  const reader = readable.getReader()
  try {
    for (let part = await reader.read(); !part.done; part = await reader.read()) yield part.value
  } finally {
    reader.cancel().catch(() => {})
  }
}
