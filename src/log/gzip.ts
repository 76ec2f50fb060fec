/** Bytes that are given to a stream at once; so much work is done between two looks at what came out. */
const SLICE = 16_384

/** Text as gzip, in parts. */
export async function compressed(text: Iterable<string>): Promise<Uint8Array[]> {
  const parts: Uint8Array[] = []
  const slices: Uint8Array<ArrayBuffer>[] = []
  for await (const part of through(encoded(text, slices), new CompressionStream('gzip'))) parts.push(part)
  // Not before the end: Node's stream may say that it has written what it still reads.
  slices.forEach(release)
  return parts
}

/** What gzip holds, in parts, each of which may be released. Throws what the browser throws for bytes that are no gzip. */
export const decompressed = (bytes: Uint8Array<ArrayBuffer>): AsyncGenerator<Uint8Array<ArrayBuffer>> =>
  through(sliced(bytes), new DecompressionStream('gzip'))

function* sliced(bytes: Uint8Array<ArrayBuffer>): Generator<Uint8Array<ArrayBuffer>> {
  for (let at = 0; at < bytes.length; at += SLICE) yield bytes.subarray(at, at + SLICE)
}

/** Text as UTF-8, never all of it as one string or one buffer. `made`: the slices, for who gives them back. */
function* encoded(text: Iterable<string>, made: Uint8Array<ArrayBuffer>[]): Generator<Uint8Array<ArrayBuffer>> {
  const encoder = new TextEncoder()
  let slice = new Uint8Array()
  let filled = 0
  for (const piece of text) {
    for (let at = 0; at < piece.length; ) {
      // A character takes four bytes at most.
      if (filled + 4 > slice.length) {
        if (filled) yield slice.subarray(0, filled)
        made.push((slice = new Uint8Array(SLICE)))
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

/**
 * Gives a buffer back that nobody looks at any more. A collector counts objects: it lets tens of megabytes of bytes
 * stand, as long as few objects hold them.
 */
export function release({ buffer, byteLength }: Uint8Array<ArrayBuffer> | Uint32Array<ArrayBuffer>): void {
  // Node cuts several parts out of one.
  if (byteLength === buffer.byteLength) (buffer as { transfer?: (length: number) => void }).transfer?.(0)
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
  // What goes wrong here is told to the reader.
  write().catch(() => {})
  const reader = readable.getReader()
  try {
    for (let part = await reader.read(); !part.done; part = await reader.read()) yield part.value
  } finally {
    reader.cancel().catch(() => {})
  }
}
