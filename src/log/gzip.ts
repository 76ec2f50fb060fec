import { StorageError } from '../errors.ts'

/** Bytes that are given to a stream at once; so much work is done between two looks at what came out. */
const SLICE_BYTES = 16_384

/** The contents of a chunk are not what a writer may have written. */
export class BadText extends Error {}

/** Text as gzip, in parts. */
export async function compressed(text: Iterable<string>): Promise<Uint8Array[]> {
  const parts: Uint8Array[] = []
  for await (const part of through(
    encoded(text),
    codec(() => new CompressionStream('gzip')),
  ))
    parts.push(part)
  return parts
}

/** What gzip holds, in parts. Throws BadText for bytes that are not gzip. */
export async function* decompressed(bytes: Uint8Array<ArrayBuffer>): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const stream = codec(() => new DecompressionStream('gzip'))
  try {
    yield* through(sliced(bytes), stream)
  } catch (error) {
    throw isBadData(error) ? new BadText(`not gzip: ${error}`) : noCompression(error)
  }
}

/** The standard says TypeError for bytes that are not gzip; Node gives them a code of zlib's. */
const isBadData = (error: unknown): boolean => {
  // Checked below.
  const { code } = (error ?? {}) as { code?: unknown }
  return error instanceof TypeError || (typeof code === 'string' && code.startsWith('Z_'))
}

/** Says nothing about the bytes. */
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

/** Text as UTF-8, never all of it as one string or one buffer. */
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
      // No more than fits: a browser copies what it is given. And not half of a pair.
      let end = at + slice.length - filled
      if (piece.codePointAt(end - 1)! > 0xffff) end--
      const { read, written } = encoder.encodeInto(piece.slice(at, end), slice.subarray(filled))
      at += read
      filled += written
    }
  }
  if (filled) yield slice.subarray(0, filled)
}

/** By hand: a Blob before and a Response behind the stream cost ten times what it does itself. */
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
  // The reader is told what goes wrong here. An error of the slices themselves has to reach it, too.
  write().catch((error) => writer.abort(error).catch(() => {}))
  const reader = readable.getReader()
  try {
    for (let part = await reader.read(); !part.done; part = await reader.read()) yield part.value
  } finally {
    reader.cancel().catch(() => {})
  }
}
