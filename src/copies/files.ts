import { caughtName } from '../caught.ts'
import type { Chunk, ChunkHeader } from '../log/chunk.ts'
import { chunkHeaderOf } from '../log/chunk.ts'

export const TAIL = 'tail.tidemark'
const FILE = /\.tidemark$/
/** The most bytes of a header line that this library writes. */
const LONGEST_HEADER_BYTES = 4096

/** The place of a chunk in one of a mirror's files. The chunk is not verified yet. */
export interface ChunkPlace {
  readonly file: File
  readonly header: ChunkHeader
  /** Where the chunk begins, and the byte after it. */
  readonly from: number
  readonly to: number
}

/**
 * The file name for a range of a log. Names sort in the order of the log. `kind` keeps a part of a long tail apart from a segment with the
 * same range.
 */
export const fileOf = ({ first, last, kind }: Pick<ChunkHeader, 'first' | 'last'> & { kind?: string }): string => {
  const digits = (n: number): string => `${n}`.padStart(12, '0')
  return kind ? `${digits(last)}.${kind}.tidemark` : `${digits(first)}-${digits(last)}.tidemark`
}

/**
 * Lists the chunks of a mirror by their headers. A chunk whose file ends in the middle of it is listed, too. A file is listed up to the
 * first bytes that are no header. Empty files are left out: the browser was killed before it wrote their content.
 */
export async function listChunks(folder: FileSystemDirectoryHandle): Promise<Map<string, readonly ChunkPlace[]>> {
  const files = new Map<string, readonly ChunkPlace[]>()
  for await (const entry of folder.values()) {
    if (entry.kind !== 'file' || !FILE.test(entry.name)) continue
    const places: ChunkPlace[] = []
    const file = await entry.getFile()
    if (file.size) files.set(entry.name, places)
    for (let from = 0; from < file.size; from = places.at(-1)?.to ?? file.size) {
      const start = new Uint8Array(await file.slice(from, from + LONGEST_HEADER_BYTES).arrayBuffer())
      const end = start.indexOf(10)
      const header = chunkHeaderOf(
        new TextDecoder('utf-8', { ignoreBOM: true }).decode(start.subarray(0, Math.max(0, end))),
      )
      const to = from + end + 1 + (header?.bytes ?? 0)
      if (!header) break
      places.push({ file, header, from, to })
    }
  }
  return files
}

export const chunkBytesOf = async ({ file, from, to }: ChunkPlace): Promise<Uint8Array<ArrayBuffer>> =>
  new Uint8Array(await file.slice(from, to).arrayBuffer())

/** Writes a whole file. It keeps its old content (a new file stays empty) until the new content is complete, and if `check` throws. */
export async function writeFile(
  folder: FileSystemDirectoryHandle,
  name: string,
  chunks: readonly Pick<Chunk, 'bytes'>[],
  check: () => void,
): Promise<void> {
  const file = await folder.getFileHandle(name, { create: true })
  const stream = await file.createWritable()
  try {
    await stream.write(new Blob(chunks.map(({ bytes }) => bytes)))
    check()
    await stream.close()
  } catch (error) {
    await stream.abort().catch(() => {})
    throw error
  }
}

export async function remove(folder: FileSystemDirectoryHandle, name: string): Promise<void> {
  try {
    await folder.removeEntry(name)
  } catch (error) {
    if (caughtName(error) !== 'NotFoundError') throw error
  }
}

/** Removes the temporary files that a killed browser has left. Only the holder of the mirror's lock may call it. */
export async function sweepFiles(folder: FileSystemDirectoryHandle): Promise<void> {
  for await (const name of folder.keys()) if (name.endsWith('.crswap')) await remove(folder, name).catch(() => {})
}
