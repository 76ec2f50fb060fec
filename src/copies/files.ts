import { caughtName } from '../caught.ts'
import type { Chunk, ChunkHeader } from '../log/chunk.ts'
import { chunkHeaderOf } from '../log/chunk.ts'

export const TAIL = 'tail.tidemark'
const FILE = /\.tidemark$/
/** Bytes in which a header line that we wrote ends. */
const LONGEST_HEADER_BYTES = 4096

/** A chunk in one of a mirror's files. Nothing is verified yet. */
export interface ChunkPlace {
  readonly file: File
  readonly header: ChunkHeader
  /** Where the chunk begins, and the byte behind it. */
  readonly from: number
  readonly to: number
}

/** What a range of a log is called as a file. They sort in the order of the log. A part of a long tail may have the range of a segment. */
export const fileOf = ({ first, last, kind }: Pick<ChunkHeader, 'first' | 'last'> & { kind?: string }): string => {
  const digits = (n: number): string => `${n}`.padStart(12, '0')
  return kind ? `${digits(last)}.${kind}.tidemark` : `${digits(first)}-${digits(last)}.tidemark`
}

/**
 * Every chunk of a mirror as its headers say. A file that ends in the middle of one is listed with that, one that holds something
 * else up to there. Empty ones are left out: the browser was killed before they were written.
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

/** Writes a file whole: it has its old content, or none, until the new one is complete, and where `check` throws before that. */
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

/** Removes what a browser that was killed left of files that it was writing. Only for who has the lock. */
export async function sweepFiles(folder: FileSystemDirectoryHandle): Promise<void> {
  for await (const name of folder.keys()) if (name.endsWith('.crswap')) await remove(folder, name).catch(() => {})
}
